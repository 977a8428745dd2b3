import type { FlowBatch } from '../../proto/flow/flow-batch.ts';

const BUFFER_BYTES = 64 * 1024;
const ENTRIES = 1024;

/** Memory that is written before it is read: filling it with zeros would be a waste. */
function allocate(bytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(bytes);
}

/** Gathers frames from many places into batches of up to 64 KiB that can be written as they are. */
export class BatchBuilder {
  private bytes = allocate(BUFFER_BYTES);
  private offsets = new Uint32Array(ENTRIES + 1);
  private timesUs = new Float64Array(ENTRIES);
  private used = 0;
  private frames = 0;

  get count(): number {
    return this.frames;
  }

  /** Whether a frame of so many bytes still goes into the current batch. */
  fits(bytes: number): boolean {
    return this.frames === 0 || (this.used + bytes <= this.bytes.length && this.frames < ENTRIES);
  }

  /** Copies a frame. One larger than the buffer gets a buffer of its own. */
  add(from: Uint8Array, start: number, end: number, timeUs: number): void {
    const length = end - start;
    if (this.used + length > this.bytes.length) this.bytes = allocate(Math.max(length, BUFFER_BYTES));
    this.offsets[this.frames] = this.used;
    this.timesUs[this.frames++] = timeUs;
    this.bytes.set(from.subarray(start, end), this.used);
    this.used += length;
    this.offsets[this.frames] = this.used;
  }

  /** Gives the batch away. What is left of a large enough buffer is used for the next. */
  finish(): FlowBatch {
    const batch = {
      bytes: this.bytes.subarray(0, this.used),
      count: this.frames,
      offsets: this.offsets.slice(0, this.frames + 1),
      timesUs: this.timesUs.slice(0, this.frames),
    };
    const rest = this.bytes.subarray(this.used);
    this.bytes = rest.length >= BUFFER_BYTES / 4 ? rest : allocate(BUFFER_BYTES);
    this.used = 0;
    this.frames = 0;
    return batch;
  }
}
