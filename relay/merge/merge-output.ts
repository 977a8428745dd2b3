import type { FlowRing } from '../../history/index.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { BatchBuilder } from './batch-builder.ts';

/** Where a merge puts its frames, one by one. */
export interface MergeOutput {
  /** Frames put since the last `send`. */
  readonly count: number;
  /** Whether a frame of so many bytes may be put before the next `send`. */
  fits(bytes: number): boolean;
  /** Copies the frame at `from[start, end)`. */
  put(from: Uint8Array, start: number, end: number, timeUs: number, isFlow: boolean): void;
  /** Lets go of what was put. False: the merge shall give no more until it is advanced again. */
  send(): boolean;
}

/** Takes merged frames, some tens of KiB at a time, which stay as they are until `release` is called. False: no more for now. */
export type BatchTaker = (batch: FlowBatch, release: () => void) => boolean;

/** Gathers frames into batches. */
export class BatchOutput implements MergeOutput {
  private readonly builder = new BatchBuilder();
  private readonly take: BatchTaker;

  constructor(take: BatchTaker) {
    this.take = take;
  }

  get count(): number {
    return this.builder.count;
  }

  fits(bytes: number): boolean {
    return this.builder.fits(bytes);
  }

  put(from: Uint8Array, start: number, end: number, timeUs: number): void {
    this.builder.add(from, start, end, timeUs);
  }

  send(): boolean {
    const { batch, release } = this.builder.finish();
    return this.take(batch, release);
  }
}

/** How many frames go into a ring before its readers are woken. */
const RING_RUN_FRAMES = 256;

/** Puts frames straight into a ring, so that each is copied once only. */
export class RingOutput implements MergeOutput {
  private readonly ring: FlowRing;
  private readonly takesMore: () => boolean;
  private frames = 0;

  /** @param takesMore asked after each run */
  constructor(ring: FlowRing, takesMore: () => boolean) {
    this.ring = ring;
    this.takesMore = takesMore;
  }

  get count(): number {
    return this.frames;
  }

  fits(): boolean {
    return this.frames < RING_RUN_FRAMES;
  }

  put(from: Uint8Array, start: number, end: number, timeUs: number, isFlow: boolean): void {
    this.ring.put(from, start, end, timeUs, isFlow);
    this.frames++;
  }

  send(): boolean {
    this.frames = 0;
    this.ring.publish();
    return this.takesMore();
  }
}
