import { type FlowBatch } from '../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';

/** Bounds of a ring. */
export interface FlowRingOptions {
  /** Entries kept at most. */
  readonly capacity: number;
  /** Bytes of frames kept at most; whole segments are given up when it is passed. */
  readonly maxBytes: number;
}

/** A run of neighbouring entries, as views into the ring that stay valid for as long as they are held. */
export interface RingRun {
  readonly bytes: Uint8Array;
  /** Sequence number of the first entry. */
  readonly firstSeq: number;
  readonly count: number;
  /** Start of entry i's frame in `bytes`, for i in 0..count. */
  offset(i: number): number;
  /** Envelope time of entry i in whole microseconds. */
  timeUs(i: number): number;
  /** Whether entry i is a flow, and no lost event. */
  isFlow(i: number): boolean;
}

const SEGMENT_BYTES = 1024 * 1024;
/** A flow is rarely shorter than this, so a segment's index seldom runs out before its bytes. */
const SEGMENT_ENTRIES = SEGMENT_BYTES / 128;
/** Tag of GetFlowsResponse.flow, the first byte of a message that is a flow and no notice of loss or node status. */
const FLOW_TAG = 0x0a;

/** Frames back to back with their index. Written once from start to end, then only read, then given up whole. */
class Segment {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  readonly timesUs: Float64Array;
  /** For each entry, how many flows stand before it in this segment. */
  readonly flowsBefore: Uint32Array;
  readonly firstSeq: number;
  /** Flows in all segments before this one, ever. */
  readonly firstFlow: number;
  count = 0;
  flows = 0;

  /** @param index room for entries and their bytes, empty or, from a batch taken over, full */
  constructor(
    firstSeq: number,
    firstFlow: number,
    index: Pick<FlowBatch, 'bytes' | 'offsets' | 'timesUs'>,
    entries: number,
  ) {
    this.firstSeq = firstSeq;
    this.firstFlow = firstFlow;
    this.bytes = index.bytes;
    this.offsets = index.offsets;
    this.timesUs = index.timesUs;
    this.flowsBefore = new Uint32Array(entries + 1);
  }

  static empty(firstSeq: number, firstFlow: number, bytes: number): Segment {
    const index = {
      bytes: new Uint8Array(bytes),
      offsets: new Uint32Array(SEGMENT_ENTRIES + 1),
      timesUs: new Float64Array(SEGMENT_ENTRIES),
    };
    return new Segment(firstSeq, firstFlow, index, SEGMENT_ENTRIES);
  }

  /** A segment that is a batch. */
  static of(batch: FlowBatch, firstSeq: number, firstFlow: number): Segment {
    const segment = new Segment(firstSeq, firstFlow, batch, batch.count);
    for (let i = 0; i < batch.count; i++) {
      if (batch.bytes[batch.offsets[i] + FRAME_PREFIX_BYTES] === FLOW_TAG) segment.flows++;
      segment.flowsBefore[i + 1] = segment.flows;
    }
    segment.count = batch.count;
    return segment;
  }

  get used(): number {
    return this.offsets[this.count];
  }

  /** Copies frames of a batch, from the `from`th on, as many as there is room for; returns the index behind the last one. */
  fill(batch: FlowBatch, from: number): number {
    const { offsets } = batch;
    const start = offsets[from];
    const base = this.used;
    const room = this.bytes.length - base;
    let i = from;
    while (i < batch.count && this.count < SEGMENT_ENTRIES && offsets[i + 1] - start <= room) {
      this.timesUs[this.count] = batch.timesUs[i];
      if (batch.bytes[offsets[i] + FRAME_PREFIX_BYTES] === FLOW_TAG) this.flows++;
      i++;
      this.count++;
      this.offsets[this.count] = base + offsets[i] - start;
      this.flowsBefore[this.count] = this.flows;
    }
    this.bytes.set(batch.bytes.subarray(start, offsets[i]), base);
    return i;
  }

  isFlow(i: number): boolean {
    return this.flowsBefore[i + 1] > this.flowsBefore[i];
  }
}

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
  private readonly segments: Segment[] = [];
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

  get capacity(): number {
    return this.options.capacity;
  }

  /** Bytes held by segments. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** Copies a batch in and wakes the readers, once for the whole batch. */
  append(batch: FlowBatch): void {
    for (let i = 0; i < batch.count;) {
      const segment = this.segmentFor(batch.offsets[i + 1] - batch.offsets[i]);
      i = segment.fill(batch, i);
      this.end = segment.firstSeq + segment.count;
      this.flowsAppended = segment.firstFlow + segment.flows;
    }
    if (batch.count === 0) return;
    this.evict();
    for (const listener of this.listeners) listener();
  }

  /** Like `append`, without a copy: the batch, which must start at offset 0, belongs to the ring from now on. For batches of some tens of KiB; small ones make a long list. */
  adopt(batch: FlowBatch): void {
    if (batch.count === 0) return;
    const segment = Segment.of(batch, this.end, this.flowsAppended);
    this.segments.push(segment);
    this.bytes += segment.bytes.length;
    this.end += segment.count;
    this.flowsAppended += segment.flows;
    this.evict();
    for (const listener of this.listeners) listener();
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
    let count = Math.min(segment.count - first, maxCount);
    const start = segment.offsets[first];
    if (segment.offsets[first + count] - start > maxBytes) {
      count = Math.max(1, lastAtMost(segment.offsets, first, first + count, start + maxBytes) - first);
    }
    return {
      bytes: segment.bytes.subarray(start, segment.offsets[first + count]),
      firstSeq: seq,
      count,
      offset: (i) => segment.offsets[first + i] - start,
      timeUs: (i) => segment.timesUs[first + i],
      isFlow: (i) => segment.isFlow(first + i),
    };
  }

  /** How many flows were appended before the entry with this sequence number; the entry must be kept, or be the end. */
  flowOrdinal(seq: number): number {
    if (seq === this.end) return this.flowsAppended;
    const segment = this.segmentOf(seq);
    return segment.firstFlow + segment.flowsBefore[seq - segment.firstSeq];
  }

  /** Flows per second over the last minute, or over the age of the oldest flow when the ring spans less; 0 when empty. */
  flowsPerSecond(nowMs: number): number {
    const fromUs = (nowMs - 60_000) * 1000;
    if (this.oldest === this.end) return 0;
    const first = this.segmentOf(this.oldest);
    const oldestUs = first.timesUs[this.oldest - first.firstSeq];
    if (oldestUs >= fromUs) {
      const ageSeconds = Math.max(nowMs * 1000 - oldestUs, 1e6) / 1e6;
      return this.flowCount / ageSeconds;
    }
    let flows = 0;
    for (let s = this.segments.length - 1; s >= 0; s--) {
      const segment = this.segments[s];
      for (let i = segment.count - 1; i >= 0 && segment.firstSeq + i >= this.oldest; i--) {
        if (segment.timesUs[i] < fromUs) return flows / 60;
        if (segment.isFlow(i)) flows++;
      }
    }
    return flows / 60;
  }

  private segmentFor(frameBytes: number): Segment {
    const last = this.segments.at(-1);
    if (last !== undefined && last.count < SEGMENT_ENTRIES && last.used + frameBytes <= last.bytes.length) {
      return last;
    }
    const segment = Segment.empty(this.end, this.flowsAppended, Math.max(SEGMENT_BYTES, frameBytes));
    this.segments.push(segment);
    this.bytes += segment.bytes.length;
    return segment;
  }

  private evict(): void {
    this.oldest = Math.max(this.oldest, this.end - this.options.capacity);
    while (this.segments.length > 1) {
      const [{ firstSeq, count }] = this.segments;
      if (firstSeq + count > this.oldest && this.bytes <= this.options.maxBytes) break;
      this.dropFirst();
    }
  }

  private dropFirst(): void {
    const { firstSeq, count, bytes } = this.segments.shift()!;
    this.oldest = Math.max(this.oldest, firstSeq + count);
    this.bytes -= bytes.length;
  }

  private segmentOf(seq: number): Segment {
    if (seq < this.oldest || seq >= this.end) {
      throw new RangeError(`history entry ${seq}, kept are ${this.oldest} to ${this.end - 1}`);
    }
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.segments[middle].firstSeq <= seq) low = middle;
      else high = middle - 1;
    }
    return this.segments[low];
  }
}

/** The last index in [from, to] whose offset is at most `limit`; offsets ascend. */
function lastAtMost(offsets: Uint32Array, from: number, to: number, limit: number): number {
  while (from < to) {
    const middle = (from + to + 1) >> 1;
    if (offsets[middle] <= limit) from = middle;
    else to = middle - 1;
  }
  return from;
}
