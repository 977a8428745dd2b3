import type { FlowBatch } from '../proto/flow/flow-batch.ts';
import { createStore, FlowSegment, type RingRun, type SegmentStore } from './flow-segment.ts';

export { type RingRun } from './flow-segment.ts';

/** Bounds of a ring. */
export interface FlowRingOptions {
  /** Entries kept at most. */
  readonly capacity: number;
  /** Bytes of frames kept at most; whole segments are given up when it is passed. */
  readonly maxBytes: number;
}

const SEGMENT_BYTES = 1024 * 1024;
/** A flow is rarely shorter than this, so a segment's index seldom runs out before its bytes. */
const SEGMENT_ENTRIES = SEGMENT_BYTES / 128;
/**
 * Segments' memory kept for the next ones. New memory for each would cost more than all else here: every few of them make V8 collect garbage. More than this is free at once
 * only when many slow readers let go together.
 */
const MAX_SPARE = 4;

/**
 * The newest flows (and notices of loss between them) of a process, as the frames that will go out. Entries have sequence numbers that only ever
 * grow, so that a reader is no more than a number, and one that is overtaken knows how much it lost.
 *
 *     segments:  [ 1 MiB of frames | index ] [ … ] [ … ← append ]
 *                   ↑ oldestSeq                          ↑ endSeq
 *
 * Readable at once: the newest entry too.
 */
export class FlowRing {
  private readonly options: FlowRingOptions;
  private readonly segments: FlowSegment[] = [];
  private readonly spare: SegmentStore[] = [];
  private readonly listeners = new Set<() => void>();
  private bytes = 0;
  private oldest = 0;
  private end = 0;
  private flowsAppended = 0;

  /** Throws RangeError on a bound below 1. */
  constructor(options: FlowRingOptions) {
    if (!(options.capacity >= 1) || !(options.maxBytes >= 1)) {
      throw new RangeError(
        `history of ${options.capacity} flows in ${options.maxBytes} bytes: both must be 1 or more`,
      );
    }
    this.options = options;
  }

  /** Sequence number of the oldest entry kept; equals `endSeq` when the ring is empty. */
  get oldestSeq(): number {
    return this.oldest;
  }

  /** Sequence number that the next entry will get. */
  get endSeq(): number {
    return this.end;
  }

  /** Flows kept now (losses not counted). */
  get flowCount(): number {
    return this.flowsAppended - this.flowOrdinal(this.oldest);
  }

  /** Flows appended since the start. */
  get seenFlows(): number {
    return this.flowsAppended;
  }

  /** Time of the oldest entry in µs; 0 when the ring is empty. */
  get oldestTimeUs(): number {
    if (this.oldest === this.end) return 0;
    const segment = this.segmentOf(this.oldest);
    return segment.timeUs(this.oldest - segment.firstSeq);
  }

  get capacity(): number {
    return this.options.capacity;
  }

  /** Bytes held by segments. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** Copies a batch in and wakes the readers, once for the whole batch. */
  append(batch: FlowBatch): void {
    if (batch.count === 0) return;
    for (let i = 0; i < batch.count;) {
      i = this.segmentFor(batch.offsets[i + 1] - batch.offsets[i]).fill(batch, i);
    }
    this.appended();
  }

  /** Copies one frame in, the bytes `[start, end)` of `from`. Nobody sees it before `publish`. */
  put(from: Uint8Array, start: number, end: number, timeUs: number, isFlow: boolean): void {
    this.segmentFor(end - start).put(from, start, end, timeUs, isFlow);
  }

  /** Makes what was `put` part of the ring and wakes the readers, once for all of it. */
  publish(): void {
    if (this.segments.length > 0) this.appended();
  }

  /** Like `append`, without a copy: the batch, which must start at offset 0, belongs to the ring from now on. For batches of some tens of KiB; small ones make a long list. */
  adopt(batch: FlowBatch): void {
    if (batch.count === 0) return;
    const last = this.segments.at(-1);
    this.push(FlowSegment.of(batch, last?.endSeq ?? this.end, last?.endFlow ?? this.flowsAppended));
    this.appended();
  }

  /** Gives up segments whose entries all stand before `seq`; the newest segment stays. For rings whose readers have all read them. */
  discardBefore(seq: number): void {
    while (this.segments.length > 1 && this.segments[1].firstSeq <= seq) this.dropFirst();
  }

  /** Calls `listener` after each append; returns how to stop that. */
  onAppend(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * The longest run from `seq` on that stands in one segment, up to `maxCount` entries and (one entry excepted) `maxBytes`, or null when `seq` is the end. Throws RangeError when
   * `seq` is not kept any more or not there yet.
   */
  read(seq: number, maxCount: number, maxBytes: number): RingRun | null {
    if (seq === this.end) return null;
    const segment = this.segmentOf(seq);
    const first = seq - segment.firstSeq;
    return segment.run(first, Math.min(segment.count - first, this.end - seq, maxCount), maxBytes);
  }

  /** The longest run that ends just before `seq` and stands in one segment, up to `maxCount` entries, or null when nothing before it is kept. */
  readBefore(seq: number, maxCount: number): RingRun | null {
    if (seq <= this.oldest) return null;
    const segment = this.segmentOf(seq - 1);
    const from = Math.max(segment.firstSeq, this.oldest, seq - maxCount);
    return segment.run(from - segment.firstSeq, seq - from, Number.POSITIVE_INFINITY);
  }

  /** How many flows were appended before the entry with this sequence number; the entry must be kept, or be the end. */
  flowOrdinal(seq: number): number {
    if (seq === this.end) return this.flowsAppended;
    const segment = this.segmentOf(seq);
    return segment.flowOrdinal(seq - segment.firstSeq);
  }

  /** Sequence number of the `n`th newest flow (1 = the newest), or of the oldest entry when fewer are kept. */
  seqOfNewest(n: number): number {
    if (n > this.flowCount) return this.oldest;
    const ordinal = this.flowsAppended - n;
    const segment = this.lastSegment(({ firstFlow }) => firstFlow <= ordinal);
    return segment.firstSeq + segment.indexOfFlow(ordinal);
  }

  /** Flows per second over the last minute, or over the age of the oldest flow when the ring spans less; 0 when empty. */
  flowsPerSecond(nowMs: number): number {
    const fromUs = (nowMs - 60_000) * 1000;
    if (this.oldest === this.end) return 0;
    const first = this.segmentOf(this.oldest);
    const oldestUs = first.timeUs(this.oldest - first.firstSeq);
    if (oldestUs >= fromUs) {
      const ageSeconds = Math.max(nowMs * 1000 - oldestUs, 1e6) / 1e6;
      return this.flowCount / ageSeconds;
    }
    let flows = 0;
    for (let s = this.segments.length - 1; s >= 0; s--) {
      const segment = this.segments[s];
      for (let i = segment.count - 1; i >= 0 && segment.firstSeq + i >= this.oldest; i--) {
        if (segment.timeUs(i) < fromUs) return flows / 60;
        if (segment.isFlow(i)) flows++;
      }
    }
    return flows / 60;
  }

  private segmentFor(frameBytes: number): FlowSegment {
    const last = this.segments.at(-1);
    if (last?.hasRoomFor(frameBytes) === true) return last;
    const store =
      frameBytes > SEGMENT_BYTES
        ? createStore(frameBytes, 1)
        : (this.spare.pop() ?? createStore(SEGMENT_BYTES, SEGMENT_ENTRIES));
    const segment = new FlowSegment(last?.endSeq ?? this.end, last?.endFlow ?? this.flowsAppended, store);
    this.push(segment);
    return segment;
  }

  private push(segment: FlowSegment): void {
    this.segments.push(segment);
    this.bytes += segment.bytes.length;
  }

  private appended(): void {
    const last = this.segments.at(-1)!;
    this.end = last.endSeq;
    this.flowsAppended = last.endFlow;
    this.evict();
    for (const listener of this.listeners) listener();
  }

  private evict(): void {
    this.oldest = Math.max(this.oldest, this.end - this.options.capacity);
    while (this.segments.length > 1) {
      if (this.segments[0].endSeq > this.oldest && this.bytes <= this.options.maxBytes) break;
      this.dropFirst();
    }
  }

  private dropFirst(): void {
    const segment = this.segments.shift()!;
    this.oldest = Math.max(this.oldest, segment.endSeq);
    this.bytes -= segment.bytes.length;
    segment.giveUp(this.keepSpare);
  }

  /** Keeps memory that is not an adopted batch's, and not made for one long frame. */
  private readonly keepSpare = (store: SegmentStore): void => {
    const isUsual = store.flowsBefore.length === SEGMENT_ENTRIES + 1 && store.bytes.length === SEGMENT_BYTES;
    if (isUsual && this.spare.length < MAX_SPARE) this.spare.push(store);
  };

  private segmentOf(seq: number): FlowSegment {
    if (seq < this.oldest || seq >= this.end) {
      throw new RangeError(`history entry ${seq}, kept are ${this.oldest} to ${this.end - 1}`);
    }
    return this.lastSegment(({ firstSeq }) => firstSeq <= seq);
  }

  /** The last segment for which `isNotBehind` holds: it does for the first one, and for none behind the first for which it does not. */
  private lastSegment(isNotBehind: (segment: FlowSegment) => boolean): FlowSegment {
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (isNotBehind(this.segments[middle])) low = middle;
      else high = middle - 1;
    }
    return this.segments[low];
  }
}
