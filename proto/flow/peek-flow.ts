import type { FlowBatch } from './flow-batch.ts';
import { FRAME_PREFIX_BYTES, type FrameRun } from './frame.ts';
import { usualNanos, usualTimeUs } from './usual-time.ts';
import { WireCursor, WIRE_BYTES, WIRE_VARINT, WireError } from './wire.ts';

/** What a GetFlowsResponse carries, by the field number of its oneof member. */
export const ENVELOPE_EMPTY = 0;
export const ENVELOPE_FLOW = 1;
export const ENVELOPE_NODE_STATUS = 2;
export const ENVELOPE_LOST_EVENTS = 3;

const NODE_NAME_TAG = (1000 << 3) | WIRE_BYTES;
const TIME_TAG = (1001 << 3) | WIRE_BYTES;

/** The envelope of one GetFlowsResponse, read without touching the flow inside. A struct to be reused. */
export interface FlowPeek {
  /** ENVELOPE_*; the last member wins, as protobuf demands. */
  kind: number;
  /** Envelope time; 0 and 0 when absent. */
  seconds: number;
  nanos: number;
  /** Where the node name's UTF-8 bytes stand; equal when absent. */
  nodeNameStart: number;
  nodeNameEnd: number;
  /** Where the member's bytes stand: of its last piece, when it came in several. */
  memberStart: number;
  memberEnd: number;
  /** In how many pieces the member came. More than one is legal, means that they are to be merged, and is not seen in practice. */
  memberPieces: number;
}

/** A FlowPeek to be filled. */
export function createFlowPeek(): FlowPeek {
  return {
    kind: ENVELOPE_EMPTY,
    seconds: 0,
    nanos: 0,
    nodeNameStart: 0,
    nodeNameEnd: 0,
    memberStart: 0,
    memberEnd: 0,
    memberPieces: 0,
  };
}

const cursor = new WireCursor();
const inner = new WireCursor();

/**
 * Reads kind, time and node name of the GetFlowsResponse at `bytes[start, end)` into `out`. Throws WireError when the bytes are cut off
 * or no protobuf; never reads outside the range. What lies inside the member is not looked at.
 */
export function peekFlow(bytes: Uint8Array, start: number, end: number, out: FlowPeek): void {
  cursor.reset(bytes, start, end);
  out.kind = ENVELOPE_EMPTY;
  out.seconds = 0;
  out.nanos = 0;
  out.nodeNameStart = 0;
  out.nodeNameEnd = 0;
  out.memberStart = 0;
  out.memberEnd = 0;
  out.memberPieces = 0;
  while (cursor.pos < end) {
    const tag = cursor.tag();
    if ((tag & 7) !== WIRE_BYTES) {
      cursor.skip(tag);
      continue;
    }
    const length = cursor.length();
    const from = cursor.pos;
    const to = from + length;
    if (tag === TIME_TAG) {
      peekTimestamp(bytes, from, to, out);
    } else if (tag === NODE_NAME_TAG) {
      out.nodeNameStart = from;
      out.nodeNameEnd = to;
    } else if (tag >>> 3 <= ENVELOPE_LOST_EVENTS) {
      const kind = tag >>> 3;
      // Another member of the oneof replaces what was there; the same one adds to it.
      out.memberPieces = kind === out.kind ? out.memberPieces + 1 : 1;
      out.kind = kind;
      out.memberStart = from;
      out.memberEnd = to;
    }
    cursor.pos = to;
  }
}

function peekTimestamp(bytes: Uint8Array, from: number, to: number, out: FlowPeek): void {
  inner.reset(bytes, from, to);
  while (inner.pos < to) {
    const tag = inner.tag();
    if (tag === ((1 << 3) | WIRE_VARINT)) out.seconds = inner.int64();
    else if (tag === ((2 << 3) | WIRE_VARINT)) out.nanos = inner.int32();
    else inner.skip(tag);
  }
}

/** Whole microseconds since the epoch, rounded down: exact in a double until the year 2255. */
export function timeUsOf(seconds: number, nanos: number): number {
  return seconds * 1e6 + Math.floor(nanos / 1000);
}

const timePeek = createFlowPeek();

/** Nanoseconds of the second of the envelope time of the GetFlowsResponse at `bytes[start, end)`. Throws WireError when it does not parse. */
export function nanosOf(bytes: Uint8Array, start: number, end: number): number {
  const nanos = usualNanos(bytes, start, end);
  if (!Number.isNaN(nanos)) return nanos;
  peekFlow(bytes, start, end, timePeek);
  return timePeek.nanos;
}

/** Times of many runs stand in one block, like their offsets. */
const TIMES_BLOCK = 8192;
let timesBlock = new Float64Array(TIMES_BLOCK);
let timesUsed = 0;

function takeTimes(count: number): Float64Array {
  if (count > TIMES_BLOCK / 8) return new Float64Array(count);
  if (timesUsed + count > TIMES_BLOCK) {
    timesBlock = new Float64Array(TIMES_BLOCK);
    timesUsed = 0;
  }
  timesUsed += count;
  return timesBlock.subarray(timesUsed - count, timesUsed);
}

/**
 * Adds each frame's envelope time to a run of frames. A message that does not parse gives a WireError that names its place in the run.
 */
export function withTimes(run: FrameRun): FlowBatch {
  const timesUs = takeTimes(run.count);
  for (let i = 0; i < run.count; i++) {
    const start = run.offsets[i] + FRAME_PREFIX_BYTES;
    const end = run.offsets[i + 1];
    timesUs[i] = usualTimeUs(run.bytes, start, end);
    if (!Number.isNaN(timesUs[i])) continue;
    try {
      peekFlow(run.bytes, start, end, timePeek);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new WireError(error.code, `message ${i} of ${run.count} in this read: ${error.message}`);
    }
    timesUs[i] = timeUsOf(timePeek.seconds, timePeek.nanos);
  }
  return { bytes: run.bytes, count: run.count, offsets: run.offsets, timesUs };
}
