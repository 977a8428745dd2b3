import type { FlowBatch } from '../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import {
  createFlowPeek,
  ENVELOPE_FLOW,
  ENVELOPE_LOST_EVENTS,
  ENVELOPE_NODE_STATUS,
  peekFlow,
} from '../proto/flow/peek-flow.ts';
import { WireError } from '../proto/flow/wire.ts';

/** A run of neighbouring entries, as views into the ring. They are good until the next append, and after that only while they are held. */
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
  /** Keeps `bytes` as they are, whatever is appended. Returns how to let go, once for each hold; who never does keeps them for good. */
  hold(): () => void;
}

/** First bytes of a GetFlowsResponse whose writer keeps to the order of fields, as all but contrived ones do: the tag of its oneof member. */
const FLOW_TAG = (ENVELOPE_FLOW << 3) | 2;
const STATUS_TAG = (ENVELOPE_NODE_STATUS << 3) | 2;
const LOST_TAG = (ENVELOPE_LOST_EVENTS << 3) | 2;

const peek = createFlowPeek();

function isFlowMessage(bytes: Uint8Array, start: number, end: number): boolean {
  if (start >= end) return false;
  const first = bytes[start];
  if (first === FLOW_TAG) return true;
  if (first === STATUS_TAG || first === LOST_TAG) return false;
  try {
    peekFlow(bytes, start, end, peek);
    return peek.kind === ENVELOPE_FLOW;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

/** Memory of a segment: its frames and their index. */
export interface SegmentStore extends Pick<FlowBatch, 'bytes' | 'offsets' | 'timesUs'> {
  /** For each entry, how many flows stand before it in this segment. */
  readonly flowsBefore: Uint32Array;
}

/** Memory for up to `maxEntries` frames of `maxBytes` in all. */
export function createStore(maxBytes: number, maxEntries: number): SegmentStore {
  return {
    bytes: new Uint8Array(maxBytes),
    offsets: new Uint32Array(maxEntries + 1),
    timesUs: new Float64Array(maxEntries),
    flowsBefore: new Uint32Array(maxEntries + 1),
  };
}

/** Frames back to back with their index. Written once from start to end, then only read, then given up whole. */
export class FlowSegment {
  readonly firstSeq: number;
  /** Flows in all segments before this one, ever. */
  readonly firstFlow: number;
  readonly bytes: Uint8Array;
  private readonly store: SegmentStore;
  private readonly offsets: Uint32Array;
  private readonly timesUs: Float64Array;
  private readonly flowsBefore: Uint32Array;
  private readonly maxEntries: number;
  count = 0;
  private holds = 0;
  private onFree: ((store: SegmentStore) => void) | null = null;

  /** @param store memory that nobody else writes to; what an earlier segment left in it is overwritten */
  constructor(firstSeq: number, firstFlow: number, store: SegmentStore) {
    this.firstSeq = firstSeq;
    this.firstFlow = firstFlow;
    this.store = store;
    this.bytes = store.bytes;
    this.offsets = store.offsets;
    this.timesUs = store.timesUs;
    this.flowsBefore = store.flowsBefore;
    this.maxEntries = store.flowsBefore.length - 1;
  }

  /** A segment that is a batch, which must start at offset 0 and not change any more. It takes nothing else. */
  static of(batch: FlowBatch, firstSeq: number, firstFlow: number): FlowSegment {
    const { bytes, offsets, timesUs, count } = batch;
    const flowsBefore = new Uint32Array(count + 1);
    const segment = new FlowSegment(firstSeq, firstFlow, { bytes, offsets, timesUs, flowsBefore });
    for (let i = 0; i < count; i++) segment.note(batch, i);
    return segment;
  }

  /** The ring is done with this segment: `onFree` gets its memory as soon as nobody holds a run of it. */
  giveUp(onFree: (store: SegmentStore) => void): void {
    this.onFree = onFree;
    this.freeIfUnheld();
  }

  private readonly letGo = (): void => {
    this.holds--;
    this.freeIfUnheld();
  };

  private freeIfUnheld(): void {
    const { onFree } = this;
    if (this.holds > 0 || onFree === null) return;
    this.onFree = null;
    onFree(this.store);
  }

  /** Sequence number behind the last entry. */
  get endSeq(): number {
    return this.firstSeq + this.count;
  }

  /** Flows in all segments up to and with this one, ever. */
  get endFlow(): number {
    return this.firstFlow + this.flowsBefore[this.count];
  }

  hasRoomFor(frameBytes: number): boolean {
    return this.count < this.maxEntries && this.offsets[this.count] + frameBytes <= this.bytes.length;
  }

  /** Copies frames of a batch, from the `from`th on, as many as there is room for; returns the index behind the last one. */
  fill(batch: FlowBatch, from: number): number {
    const { offsets } = batch;
    const start = offsets[from];
    const base = this.offsets[this.count];
    const room = this.bytes.length - base;
    let i = from;
    while (i < batch.count && this.count < this.maxEntries && offsets[i + 1] - start <= room) {
      this.timesUs[this.count] = batch.timesUs[i];
      this.note(batch, i);
      i++;
      this.offsets[this.count] = base + offsets[i] - start;
    }
    this.bytes.set(batch.bytes.subarray(start, offsets[i]), base);
    return i;
  }

  /** Copies one frame in, for which there must be room. */
  put(from: Uint8Array, start: number, end: number, timeUs: number, isFlow: boolean): void {
    const { count } = this;
    const at = this.offsets[count];
    // Not `subarray`, which on a Buffer makes another one, at a multiple of the cost.
    this.bytes.set(new Uint8Array(from.buffer, from.byteOffset + start, end - start), at);
    this.timesUs[count] = timeUs;
    this.offsets[count + 1] = at + end - start;
    this.flowsBefore[count + 1] = this.flowsBefore[count] + (isFlow ? 1 : 0);
    this.count = count + 1;
  }

  /** Counts the next entry, the batch's `i`th. */
  private note({ bytes, offsets }: FlowBatch, i: number): void {
    const isFlow = isFlowMessage(bytes, offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1]);
    this.flowsBefore[this.count + 1] = this.flowsBefore[this.count] + (isFlow ? 1 : 0);
    this.count++;
  }

  timeUs(i: number): number {
    return this.timesUs[i];
  }

  isFlow(i: number): boolean {
    return this.flowsBefore[i + 1] > this.flowsBefore[i];
  }

  /** How many flows were there, ever, before entry i (0..count). */
  flowOrdinal(i: number): number {
    return this.firstFlow + this.flowsBefore[i];
  }

  /** Index of the flow with this ordinal, which must stand here. */
  indexOfFlow(ordinal: number): number {
    return lastAtMost(this.flowsBefore, 0, this.count, ordinal - this.firstFlow);
  }

  /** `count` entries from the `first`th on, or as many of them, one at least, as have at most `maxBytes`. */
  run(first: number, count: number, maxBytes: number): RingRun {
    const start = this.offsets[first];
    const fitting = lastAtMost(this.offsets, first, first + count, start + maxBytes) - first;
    const taken = Math.max(1, fitting);
    return {
      bytes: this.bytes.subarray(start, this.offsets[first + taken]),
      firstSeq: this.firstSeq + first,
      count: taken,
      offset: (i) => this.offsets[first + i] - start,
      timeUs: (i) => this.timesUs[first + i],
      isFlow: (i) => this.isFlow(first + i),
      hold: () => {
        this.holds++;
        return this.letGo;
      },
    };
  }
}

/** The last index in [from, to] whose value is at most `limit`, or `from` when none is; values ascend. */
function lastAtMost(values: Uint32Array, from: number, to: number, limit: number): number {
  if (values[to] <= limit) return to;
  while (from < to) {
    const middle = (from + to + 1) >> 1;
    if (values[middle] <= limit) from = middle;
    else to = middle - 1;
  }
  return from;
}
