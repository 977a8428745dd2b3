import { clone, create } from '@bufbuild/protobuf';
import { timestampFromMs, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { createFlowPeek, peekFlow } from '../../proto/flow/peek-flow.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';

const EVERYTHING = 2n ** 64n - 1n;
const peek = createFlowPeek();

const isFlow = ({ bytes, offsets }: FlowBatch, i: number): boolean => isFlowFrame(bytes, offsets[i]);

/** How far a peer has come with a request that follows, so that it can go on from there after a break: nothing twice, and nothing left out that the peer still has. */
export class ResumePoint {
  private readonly request: GetFlowsRequest;
  /** When the peer was first asked, by the time of day in ms; 0 = not yet. */
  private askedMs = 0;
  /** When the last word came from it, on the clock of `performance.now()`. */
  private receivedMs = Number.NEGATIVE_INFINITY;
  /** Newest time of a flow received, exact. */
  private timeUs = Number.NEGATIVE_INFINITY;
  private seconds = 0;
  private nanos = 0;
  /** The flows of that time, which the peer will send again, since `since` includes its time: `frames[0, ends.at(-1))`, back to back. */
  private frames = new Uint8Array(0);
  private readonly ends: number[] = [];
  private isSkipping = false;

  constructor(request: GetFlowsRequest) {
    this.request = request;
  }

  /**
   * The request to send now: the whole one at first, after that what goes on where the peer broke off.
   * @param startedMs when the peer's process started, on the clock of `performance.now()`: if that was after the last word from it, all that it has is new, whatever its
   * clock says now
   */
  next(startedMs: number, wallMs: number): GetFlowsRequest {
    const { request } = this;
    const isFirst = this.askedMs === 0;
    if (isFirst) this.askedMs = wallMs;
    this.isSkipping = false;
    if (isFirst) return request;
    if (startedMs > this.receivedMs && this.receivedMs > Number.NEGATIVE_INFINITY) {
      this.ends.length = 0;
      this.timeUs = Number.NEGATIVE_INFINITY;
      return change(request, { number: request.since === undefined ? EVERYTHING : 0n });
    }
    if (this.ends.length > 0) {
      this.isSkipping = true;
      return change(request, { number: 0n, since: { seconds: BigInt(this.seconds), nanos: this.nanos } });
    }
    // It had nothing to tell yet. What it saw while it was away is wanted, what was before is not.
    const isLive = request.number === 0n && request.since === undefined;
    return isLive ? change(request, { since: timestampFromMs(this.askedMs) }) : request;
  }

  /**
   * Notes a batch that came, and returns what of it is new (null = nothing).
   * @param nowMs `performance.now()`
   */
  receive(batch: FlowBatch, nowMs: number): FlowBatch | null {
    const fresh = this.isSkipping ? this.skipSeen(batch) : batch;
    this.receivedMs = nowMs;
    if (fresh !== null) this.note(fresh);
    return fresh;
  }

  private note(batch: FlowBatch): void {
    const { timesUs, count } = batch;
    let newestUs = this.timeUs;
    for (let i = 0; i < count; i++) if (timesUs[i] > newestUs && isFlow(batch, i)) newestUs = timesUs[i];
    // In the order of time the flows of the newest time are the last ones; a few may stand behind them.
    for (let i = 0; i < count; i++) if (timesUs[i] === newestUs && isFlow(batch, i)) this.noteFlow(batch, i);
  }

  private noteFlow({ bytes, offsets, timesUs }: FlowBatch, i: number): void {
    peekFlow(bytes, offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1], peek);
    const isSameUs = timesUs[i] === this.timeUs;
    if (isSameUs && peek.nanos < this.nanos) return;
    if (!isSameUs || peek.nanos > this.nanos) this.ends.length = 0;
    this.timeUs = timesUs[i];
    this.seconds = peek.seconds;
    this.nanos = peek.nanos;
    this.keep(bytes.subarray(offsets[i], offsets[i + 1]));
  }

  /** Copies a frame: into the room of the one before, most of the time. */
  private keep(frame: Uint8Array): void {
    const start = this.ends.at(-1) ?? 0;
    const end = start + frame.length;
    if (end > this.frames.length) {
      const grown = new Uint8Array(end * 2);
      grown.set(this.frames.subarray(0, start));
      this.frames = grown;
    }
    this.frames.set(frame, start);
    this.ends.push(end);
  }

  private isSeen(frame: Uint8Array): boolean {
    return this.ends.some((end, i) => {
      const start = i === 0 ? 0 : this.ends[i - 1];
      return Buffer.compare(this.frames.subarray(start, end), frame) === 0;
    });
  }

  /** Leaves out what was sent before the break: flows known by their bytes, and notices in front of them. */
  private skipSeen(batch: FlowBatch): FlowBatch | null {
    const { bytes, offsets, timesUs, count } = batch;
    let from = 0;
    for (let i = 0; i < count && this.isSkipping; i++) {
      const frame = bytes.subarray(offsets[i], offsets[i + 1]);
      if (this.isSeen(frame)) from = i + 1;
      else if (timesUs[i] > this.timeUs && isFlow(batch, i)) this.isSkipping = false;
    }
    if (from === 0) return batch;
    if (from === count) return null;
    return {
      bytes: bytes.subarray(offsets[from], offsets[count]),
      count: count - from,
      offsets: offsets.slice(from, count + 1).map((offset) => offset - offsets[from]),
      timesUs: timesUs.slice(from, count),
    };
  }
}

function change(
  request: GetFlowsRequest,
  fields: { number?: bigint; since?: { seconds: bigint; nanos: number } },
): GetFlowsRequest {
  const changed = clone(GetFlowsRequestSchema, request);
  if (fields.number !== undefined) changed.number = fields.number;
  if (fields.since !== undefined) changed.since = create(TimestampSchema, fields.since);
  return changed;
}
