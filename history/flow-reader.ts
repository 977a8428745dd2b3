import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { createFlowPeek, peekFlow } from '../proto/flow/peek-flow.ts';
import { type LossCause, LossCause as Cause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { type FlowRing, type RingRun } from './flow-ring.ts';
import { type LossLedger, lostEventSource } from './loss-ledger.ts';
import { lostEventFrame } from './lost-event-frame.ts';

/** A point in time, exact to the nanosecond. */
export interface TimePoint {
  readonly seconds: number;
  readonly nanos: number;
}

/** Which entries a reader wants, in GetFlows' terms. */
export interface FlowSelection {
  /** Most flows to replay; 0 = no limit. */
  readonly number: number;
  /** Count from the oldest end. Not together with `follow`. */
  readonly first: boolean;
  readonly follow: boolean;
  readonly since: TimePoint | null;
  readonly until: TimePoint | null;
  /** Test of the message at `bytes[start, end)`; null = everything. Not asked about lost events, which pass every filter. */
  readonly matches: ((bytes: Uint8Array, start: number, end: number) => boolean) | null;
  /** Changes a matching message (a field mask) and returns it as a frame; null = as it is. */
  readonly transform: ((bytes: Uint8Array, start: number, end: number) => Uint8Array) | null;
}

/** Where frames go; see RawCall. */
export interface FrameSink {
  readonly signal: AbortSignal;
  write(frames: Uint8Array): boolean;
  drained(): Promise<void>;
  flush(): void;
}

/** Who reads, for notices of loss. */
export interface ReaderContext {
  readonly nodeName: string;
  readonly ledger: LossLedger;
  /** Cause counted when the reader was overtaken while it waited for its client. */
  readonly slowCause?: LossCause;
  /** Told how far the reader has come, as a sequence number, after each run. */
  readonly onProgress?: (seq: number) => void;
}

const RUN_BYTES = 64 * 1024;
const LOSS_INTERVAL_MS = 1000;
const peek = createFlowPeek();

/**
 * Sends the selected entries of a ring to a sink until the selection is exhausted or the sink's signal aborts. Start and stop follow Hubble's observer;
 * lost events met on the way are delivered whatever filter and times say. A reader that the writer overtakes goes on at the oldest entry, and the
 * exact number of flows it lost is told in the stream (at most once a second) and counted in the ledger.
 */
export async function readFlows(
  ring: FlowRing,
  selection: FlowSelection,
  sink: FrameSink,
  context: ReaderContext,
): Promise<void> {
  const reader = new RingReader(ring, selection, sink, context);
  await reader.run();
}

class RingReader {
  private readonly ring: FlowRing;
  private readonly selection: FlowSelection;
  private readonly sink: FrameSink;
  private readonly context: ReaderContext;
  private readonly stopSeq: number;
  private seq: number;
  private ordinal: number;
  private delivered = 0;
  private waitedForClient = false;
  private loss: {
    cause: LossCause;
    events: number;
    firstMs: number;
    lastMs: number;
    sinceMs: number;
  } | null = null;

  constructor(ring: FlowRing, selection: FlowSelection, sink: FrameSink, context: ReaderContext) {
    this.ring = ring;
    this.selection = selection;
    this.sink = sink;
    this.context = context;
    this.stopSeq = selection.follow ? Number.POSITIVE_INFINITY : ring.endSeq;
    this.seq = startSeq(ring, selection);
    this.ordinal = ring.flowOrdinal(this.seq);
  }

  async run(): Promise<void> {
    this.sink.flush();
    while (!this.sink.signal.aborted && this.seq < this.stopSeq) {
      this.noticeOvertaken();
      this.tellLoss(false);
      const run = this.ring.read(this.seq, this.stopSeq - this.seq, RUN_BYTES);
      if (run === null) {
        await this.nextAppend();
        continue;
      }
      const { more, ready } = this.deliver(run);
      if (!more) break;
      this.seq = run.firstSeq + run.count;
      this.ordinal = this.ring.flowOrdinal(this.seq);
      this.context.onProgress?.(this.seq);
      this.waitedForClient = !ready;
      if (!ready) await this.sink.drained();
    }
    this.tellLoss(true);
  }

  /** Sends what is wanted of a run. `more` is false when the selection is exhausted, `ready` when the client keeps up. */
  private deliver(run: RingRun): { more: boolean; ready: boolean } {
    const { number, follow, since, until, matches, transform } = this.selection;
    const limit = follow || number === 0 ? Number.POSITIVE_INFINITY : number - this.delivered;
    if (since === null && until === null && matches === null && transform === null && limit >= run.count) {
      this.delivered += this.ring.flowOrdinal(run.firstSeq + run.count) - this.ordinal;
      return { more: this.wantsMore(), ready: this.sink.write(run.bytes) };
    }
    let ready = true;
    let wantedFrom = -1;
    const send = (to: number): void => {
      if (wantedFrom >= 0)
        ready = this.sink.write(run.bytes.subarray(run.offset(wantedFrom), run.offset(to)));
      wantedFrom = -1;
    };
    for (let i = 0; i < run.count; i++) {
      const start = run.offset(i) + FRAME_PREFIX_BYTES;
      const end = run.offset(i + 1);
      if (!run.isFlow(i)) {
        if (wantedFrom < 0) wantedFrom = i;
        continue;
      }
      if (until !== null && isAfter(run, i, until)) {
        send(i);
        return { more: false, ready };
      }
      if ((since !== null && isBefore(run, i, since)) || matches?.(run.bytes, start, end) === false) {
        send(i);
        continue;
      }
      this.delivered++;
      if (transform !== null) {
        send(i);
        ready = this.sink.write(transform(run.bytes, start, end));
      } else if (wantedFrom < 0) {
        wantedFrom = i;
      }
      if (!this.wantsMore()) {
        send(i + 1);
        return { more: false, ready };
      }
    }
    send(run.count);
    return { more: true, ready };
  }

  private wantsMore(): boolean {
    const { number, follow } = this.selection;
    return follow || number === 0 || this.delivered < number;
  }

  private noticeOvertaken(): void {
    if (this.seq >= this.ring.oldestSeq) return;
    this.seq = this.ring.oldestSeq;
    const ordinal = this.ring.flowOrdinal(this.seq);
    const events = ordinal - this.ordinal;
    this.ordinal = ordinal;
    if (events === 0) return;
    const cause = this.waitedForClient
      ? (this.context.slowCause ?? Cause.SUBSCRIBER_SLOW)
      : Cause.HISTORY_OVERWRITTEN;
    const nowMs = Date.now();
    this.context.ledger.add(cause, events, '', nowMs);
    if (this.loss === null)
      this.loss = { cause, events, firstMs: nowMs, lastMs: nowMs, sinceMs: performance.now() };
    else {
      this.loss.events += events;
      this.loss.lastMs = nowMs;
    }
  }

  /** Tells what was lost: once a second, and before the stream ends. */
  private tellLoss(now: boolean): void {
    const { loss } = this;
    if (loss === null || (!now && performance.now() - loss.sinceMs < LOSS_INTERVAL_MS)) return;
    this.loss = null;
    const { nodeName } = this.context;
    this.sink.write(lostEventFrame({ ...loss, source: lostEventSource(loss.cause), nodeName }, Date.now()));
  }

  /** Waits for the next append, for the sink's end, or until a loss has to be told. */
  private nextAppend(): Promise<void> {
    const { signal } = this.sink;
    return new Promise((resolve) => {
      const timer = this.loss === null ? undefined : setTimeout(() => done(), LOSS_INTERVAL_MS);
      const done = (): void => {
        clearTimeout(timer);
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = this.ring.onAppend(done);
      signal.addEventListener('abort', done, { once: true });
      this.waitedForClient = false;
    });
  }
}

function compareTime(run: RingRun, i: number, point: TimePoint): number {
  const pointUs = point.seconds * 1e6 + Math.floor(point.nanos / 1000);
  const timeUs = run.timeUs(i);
  if (timeUs !== pointUs) return timeUs - pointUs;
  peekFlow(run.bytes, run.offset(i) + FRAME_PREFIX_BYTES, run.offset(i + 1), peek);
  return (peek.nanos % 1000) - (point.nanos % 1000);
}

const isBefore = (run: RingRun, i: number, point: TimePoint): boolean => compareTime(run, i, point) < 0;
const isAfter = (run: RingRun, i: number, point: TimePoint): boolean => compareTime(run, i, point) > 0;

/** Where reading starts: Hubble's rules for `first`, `follow`, `number` and `since`. */
function startSeq(ring: FlowRing, selection: FlowSelection): number {
  const { number, first, follow, since, matches } = selection;
  if (since === null && first) return ring.oldestSeq;
  if (since === null && number === 0) {
    // A follower begins with the newest entry there is.
    return follow ? Math.max(ring.oldestSeq, ring.endSeq - 1) : ring.oldestSeq;
  }
  let left = number;
  for (let seq = ring.endSeq - 1; seq >= ring.oldestSeq; seq--) {
    const run = ring.read(seq, 1, RUN_BYTES);
    if (run === null || !run.isFlow(0)) continue;
    if (matches?.(run.bytes, FRAME_PREFIX_BYTES, run.offset(1)) === false) continue;
    if (since !== null) {
      if (isBefore(run, 0, since)) return seq + 1;
    } else if (--left === 0) {
      return seq;
    }
  }
  return ring.oldestSeq;
}
