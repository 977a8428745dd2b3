import { grown } from './grown.ts';

const INITIAL_ENTRIES = 4096;

/** A batch being filled: frames in one transferable buffer, with their index. */
export interface FilledBatch {
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
  readonly count: number;
  readonly offsets: Uint32Array;
  readonly timesUs: Float64Array;
}

/** Gathers frames for the main thread in buffers of 1 MiB, which come back for reuse. */
export class BatchWriter {
  static readonly BUFFER_BYTES = 1024 * 1024;
  private readonly pool: ArrayBuffer[] = [];
  private out = new Uint8Array(0);
  private used = 0;
  private count = 0;
  private offsets = new Uint32Array(INITIAL_ENTRIES + 1);
  private timesUs = new Float64Array(INITIAL_ENTRIES);

  get size(): number {
    return this.count;
  }

  /** Whether a frame of so many bytes still fits into the current buffer. */
  fits(bytes: number): boolean {
    return this.count === 0 || this.used + bytes <= this.out.length;
  }

  /** Appends a frame. A frame larger than a whole buffer gets one of its own. */
  add(from: Uint8Array, start: number, end: number, timeUs: number): void {
    const length = end - start;
    if (this.count === 0 && this.used + length > this.out.length) {
      this.out = new Uint8Array(this.take(length));
    }
    if (this.count === this.timesUs.length) {
      this.offsets = grown(this.offsets, new Uint32Array(this.count * 2 + 1));
      this.timesUs = grown(this.timesUs, new Float64Array(this.count * 2));
    }
    this.out.set(from.subarray(start, end), this.used);
    this.timesUs[this.count++] = timeUs;
    this.used += length;
    this.offsets[this.count] = this.used;
  }

  private take(length: number): ArrayBuffer {
    if (length > BatchWriter.BUFFER_BYTES) return new ArrayBuffer(length);
    return this.pool.pop() ?? new ArrayBuffer(BatchWriter.BUFFER_BYTES);
  }

  /** Gives the batch away and begins a new one. */
  finish(): FilledBatch {
    const batch = {
      buffer: this.out.buffer,
      bytes: this.used,
      count: this.count,
      offsets: this.offsets.slice(0, this.count + 1),
      timesUs: this.timesUs.slice(0, this.count),
    };
    this.out = new Uint8Array(0);
    this.used = 0;
    this.count = 0;
    return batch;
  }

  /** Takes a buffer back. */
  recycle(buffer: ArrayBuffer): void {
    // A few are enough for the usual rate; the rest of a burst goes back to the heap.
    if (buffer.byteLength === BatchWriter.BUFFER_BYTES && this.pool.length < 4) this.pool.push(buffer);
  }
}
