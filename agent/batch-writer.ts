import type { FlowEncoder } from '../proto/flow/encode-flow.ts';
import type { FlowRecord } from '../proto/flow/flow-record.ts';
import { timeUsOf } from '../proto/flow/peek-flow.ts';

const INITIAL_ENTRIES = 4096;

/** A batch being filled: frames in one transferable buffer, with their index. */
export interface FilledBatch {
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
  readonly count: number;
  readonly offsets: Uint32Array;
  readonly timesUs: Float64Array;
}

/** Encodes flows for the main thread into buffers of 1 MiB, which come back for reuse. */
export class BatchWriter {
  static readonly BUFFER_BYTES = 1024 * 1024;
  private readonly encoder: FlowEncoder;
  private readonly pool: ArrayBuffer[] = [];
  private out = new Uint8Array(0);
  private used = 0;
  private count = 0;
  private offsets = new Uint32Array(INITIAL_ENTRIES + 1);
  private timesUs = new Float64Array(INITIAL_ENTRIES);

  constructor(encoder: FlowEncoder) {
    this.encoder = encoder;
  }

  /** Flows in the current batch. */
  get size(): number {
    return this.count;
  }

  /** Whether a flow surely fits into the current batch; the first always does. */
  fits(record: FlowRecord): boolean {
    return this.count === 0 || this.used + this.encoder.maxBytes(record) <= this.out.length;
  }

  /** Encodes a flow that fits behind the others. One larger than a whole buffer gets one of its own. */
  add(record: FlowRecord): void {
    if (this.count === 0) this.out = new Uint8Array(this.take(this.encoder.maxBytes(record)));
    if (this.count === this.timesUs.length) this.growIndex();
    this.timesUs[this.count++] = timeUsOf(record.seconds, record.nanos);
    this.used = this.encoder.encode(record, this.out, this.used);
    this.offsets[this.count] = this.used;
  }

  private take(bytes: number): ArrayBuffer {
    if (bytes > BatchWriter.BUFFER_BYTES) return new ArrayBuffer(bytes);
    return this.pool.pop() ?? new ArrayBuffer(BatchWriter.BUFFER_BYTES);
  }

  private growIndex(): void {
    const { offsets, timesUs } = this;
    this.offsets = new Uint32Array(this.count * 2 + 1);
    this.offsets.set(offsets);
    this.timesUs = new Float64Array(this.count * 2);
    this.timesUs.set(timesUs);
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
