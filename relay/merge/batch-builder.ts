import type { FlowBatch } from '../../proto/flow/flow-batch.ts';

const BUFFER_BYTES = 64 * 1024;
const ENTRIES = 1024;
/** Memory kept for batches to come: a mebibyte and their indexes. */
const MAX_SPARE = 16;

/** What a batch is made in. */
interface BatchMemory {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  readonly timesUs: Float64Array;
}

function allocate(bytes: number): BatchMemory {
  return {
    bytes: new Uint8Array(bytes),
    offsets: new Uint32Array(ENTRIES + 1),
    timesUs: new Float64Array(ENTRIES),
  };
}

/** A batch, and what to call when nobody looks at it any more: its memory is used again then. Whoever never does costs new memory, and nothing else. */
export interface BuiltBatch {
  readonly batch: FlowBatch;
  readonly release: () => void;
}

/**
 * Gathers frames from many places into batches of up to 64 KiB that can be written as they are. Their memory goes round: at hundreds of mebibytes a second, new
 * memory for each batch would have the collector run all the time.
 */
export class BatchBuilder {
  private readonly spare: BatchMemory[] = [];
  private memory = allocate(BUFFER_BYTES);
  private used = 0;
  private frames = 0;

  get count(): number {
    return this.frames;
  }

  /** Whether a frame of so many bytes still goes into the current batch. */
  fits(bytes: number): boolean {
    return this.frames === 0 || (this.used + bytes <= this.memory.bytes.length && this.frames < ENTRIES);
  }

  /** Copies a frame, which must fit. One larger than a batch's memory gets memory of its own. */
  add(from: Uint8Array, start: number, end: number, timeUs: number): void {
    const length = end - start;
    if (this.used + length > this.memory.bytes.length) this.memory = allocate(length);
    const { bytes, offsets, timesUs } = this.memory;
    timesUs[this.frames++] = timeUs;
    // Not `subarray`, which on a Buffer makes another one, at a multiple of the cost.
    bytes.set(new Uint8Array(from.buffer, from.byteOffset + start, length), this.used);
    this.used += length;
    offsets[this.frames] = this.used;
  }

  /** Gives the batch away. */
  finish(): BuiltBatch {
    const { memory, used, frames: count } = this;
    const batch = {
      bytes: memory.bytes.subarray(0, used),
      count,
      offsets: memory.offsets.subarray(0, count + 1),
      timesUs: memory.timesUs.subarray(0, count),
    };
    this.memory = this.spare.pop() ?? allocate(BUFFER_BYTES);
    this.used = 0;
    this.frames = 0;
    return { batch, release: () => this.keep(memory) };
  }

  private keep(memory: BatchMemory): void {
    if (memory.bytes.length === BUFFER_BYTES && this.spare.length < MAX_SPARE) this.spare.push(memory);
  }
}
