import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { nanosOf } from '../../proto/flow/peek-flow.ts';

/** A batch that waits in a merge. */
export interface PendingBatch {
  readonly batch: FlowBatch;
  /** When it came, on the merge's own clock. */
  readonly arrivedMs: number;
  /** When it came, by the time of day, in µs. */
  readonly arrivedUs: number;
  /** The latest time that a flow in it can have if its clock is right; infinite where clocks do not matter. */
  readonly latestUs: number;
  /** Neighbours in the order of arrival, of whatever source. */
  before: PendingBatch | null;
  after: PendingBatch | null;
}

/** How long after it was asked a source may still send what happened before. */
const CATCH_UP_MS = 10_000;

/** Batches of one source, oldest first, and the next frame to take. */
export class MergeSource {
  /** Whose frames these are. */
  readonly name: string;
  readonly pending: PendingBatch[] = [];
  /** Index of the next frame in the first batch. */
  next = 0;
  /** Nothing more will come. */
  ended = false;
  /** Since when it has had nothing waiting, on the merge's own clock. */
  silentSinceMs: number;
  /** It was silent for so long that the others do not wait for it, until something comes. */
  isPassedOver = false;
  /** It fills its share of the buffer. */
  isFull = false;
  bufferedBytes = 0;
  /** Called when it has room for more again. */
  onRoom: (() => void) | null = null;
  /** Place in the heap, -1 = nothing waiting. */
  heapIndex = -1;
  /** Time by which the next frame is ordered, in µs. */
  key = Number.NEGATIVE_INFINITY;
  /** Whether the next frame is a flow, and no notice. */
  isFlow = false;
  /** Nanoseconds of the next frame's second, -1 = not looked at yet. */
  private nextNanos = -1;

  private readonly askedUs: number;
  private readonly caughtUpMs: number;

  /**
   * @param nowMs when it was asked, on the merge's own clock
   * @param askedUs the same by the time of day, in µs
   */
  constructor(name: string, nowMs: number, askedUs: number) {
    this.name = name;
    this.silentSinceMs = nowMs;
    this.askedUs = askedUs;
    this.caughtUpMs = nowMs + CATCH_UP_MS;
  }

  /**
   * Whether the next frame is of before the source was asked: the newest flow of its history, with which every live stream begins, or what happened while it was out of
   * reach. No delay could have kept a place for it.
   */
  get isCatchingUp(): boolean {
    return this.key < this.askedUs && this.pending[0].arrivedMs < this.caughtUpMs;
  }

  /**
   * Looks at the next frame. Its key is its time, with these exceptions:
   * - a notice keeps its place behind the frame before it: the time of a loss is when somebody noticed;
   * - a time that its arrival shows to be ahead of the clock here is taken back to the arrival;
   * - a flow without a time (a field mask of an older agent) is of when it came, or keeps its place.
   */
  look(): void {
    const { batch, latestUs, arrivedUs } = this.pending[0];
    this.isFlow = isFlowFrame(batch.bytes, batch.offsets[this.next]);
    this.nextNanos = this.isFlow ? -1 : 0;
    if (!this.isFlow) return;
    const timeUs = batch.timesUs[this.next];
    if (timeUs > latestUs) this.key = Math.max(this.key, arrivedUs);
    else if (timeUs !== 0) this.key = timeUs;
    else if (latestUs !== Number.POSITIVE_INFINITY) this.key = arrivedUs;
  }

  /** Nanoseconds of the next frame's second, to tell frames of one microsecond apart. */
  get nanos(): number {
    if (this.nextNanos < 0) {
      const { bytes, offsets } = this.pending[0].batch;
      this.nextNanos = Math.max(
        0,
        nanosOf(bytes, offsets[this.next] + FRAME_PREFIX_BYTES, offsets[this.next + 1]),
      );
    }
    return this.nextNanos;
  }
}
