import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { WireError } from '../proto/flow/wire.ts';
import { type LossCause, LossCause as Cause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { findStart } from './find-start.ts';
import type { FlowRing, RingRun } from './flow-ring.ts';
import { compareTime, type FlowSelection, passes } from './flow-selection.ts';
import { type LossLedger, lostEventSource } from './loss-ledger.ts';
import { lostEventFrame } from './lost-event-frame.ts';
import { WorkSlice } from './work-slice.ts';

export { type FlowSelection, type TimePoint } from './flow-selection.ts';

/** Where frames go; see RawCall. */
export interface FrameSink {
  readonly signal: AbortSignal;
  /**
   * @param onSent to be called once nobody looks at `frames` any more. A sink that keeps them instead never calls it; that costs memory which is not used again, and nothing else.
   */
  write(frames: Uint8Array, onSent?: () => void): boolean;
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
/** Where in the ledger flows stand that a filter or mask could not read. */
const DAMAGED = 'stored flows that cannot be read';

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
  sink.flush();
  const start = findStart(ring, selection);
  const { seq } = start instanceof Promise ? await start : start;
  await reader.run(seq);
}

/**
 * The same from an entry on, wherever the selection starts.
 * @param delivered flows of the selection that were sent before
 */
export async function readFlowsFrom(
  ring: FlowRing,
  from: { readonly seq: number; readonly delivered: number },
  selection: FlowSelection,
  sink: FrameSink,
  context: ReaderContext,
): Promise<void> {
  const reader = new RingReader(ring, selection, sink, context);
  await reader.run(from.seq, from.delivered);
}

class RingReader {
  private readonly ring: FlowRing;
  private readonly selection: FlowSelection;
  private readonly sink: FrameSink;
  private readonly context: ReaderContext;
  /** Where a reader that does not follow ends, and how many flows stood before that, ever. */
  private readonly stopSeq: number;
  private readonly stopOrdinal: number;
  private readonly slice = new WorkSlice();
  private seq = 0;
  /** Flows that stood before `seq`, ever: what is lost is told by how far this jumps. */
  private ordinal = 0;
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
    this.stopOrdinal = selection.follow ? Number.POSITIVE_INFINITY : ring.seenFlows;
  }

  async run(fromSeq: number, delivered = 0): Promise<void> {
    const { oldestSeq } = this.ring;
    this.seq = Math.max(fromSeq, oldestSeq);
    this.delivered = delivered;
    this.ordinal = this.ring.flowOrdinal(this.seq);
    // Overwritten while the start was looked for. How many of the entries were notices is not known any more.
    if (fromSeq < oldestSeq) this.addLoss(Cause.HISTORY_OVERWRITTEN, oldestSeq - fromSeq, '');
    while (!this.sink.signal.aborted && this.seq < this.stopSeq) {
      this.noticeOvertaken();
      this.tellLoss(false);
      if (this.seq >= this.stopSeq) break; // all that was left is gone
      const run = this.ring.read(this.seq, this.stopSeq - this.seq, RUN_BYTES);
      if (run === null) {
        await this.nextAppend();
        this.slice.restart();
        continue;
      }
      const { more, ready } = this.deliver(run);
      if (!more) break;
      this.seq = run.firstSeq + run.count;
      this.ordinal = this.ring.flowOrdinal(this.seq);
      this.context.onProgress?.(this.seq);
      this.waitedForClient = !ready;
      if (!ready) {
        await this.sink.drained();
        this.slice.restart();
      } else if (this.slice.isOver) {
        await this.slice.yield();
      }
    }
    this.tellLoss(true);
  }

  /** Sends what is wanted of a run. `more` is false when the selection is exhausted, `ready` when the client keeps up. */
  private deliver(run: RingRun): { more: boolean; ready: boolean } {
    const { number, follow, since, until, matches, transform } = this.selection;
    const limit = follow || number === 0 ? Number.POSITIVE_INFINITY : number - this.delivered;
    if (since === null && until === null && matches === null && transform === null && limit >= run.count) {
      this.delivered += this.ring.flowOrdinal(run.firstSeq + run.count) - this.ordinal;
      return { more: this.wantsMore(), ready: this.sink.write(run.bytes, run.hold()) };
    }
    let ready = true;
    let wantedFrom = -1;
    const send = (to: number): void => {
      if (wantedFrom >= 0)
        ready = this.sink.write(run.bytes.subarray(run.offset(wantedFrom), run.offset(to)), run.hold());
      wantedFrom = -1;
    };
    for (let i = 0; i < run.count; i++) {
      const start = run.offset(i) + FRAME_PREFIX_BYTES;
      const end = run.offset(i + 1);
      if (!run.isFlow(i)) {
        if (wantedFrom < 0) wantedFrom = i;
        continue;
      }
      if (until !== null && compareTime(run, i, until) > 0) {
        send(i);
        return { more: false, ready };
      }
      if (since !== null && compareTime(run, i, since) < 0) {
        send(i);
        continue;
      }
      const wanted = this.select(run, i, start, end);
      if (wanted === null || wanted !== run.bytes) send(i);
      if (wanted === null) continue;
      this.delivered++;
      if (wanted !== run.bytes) ready = this.sink.write(wanted);
      else if (wantedFrom < 0) wantedFrom = i;
      if (!this.wantsMore()) {
        send(i + 1);
        return { more: false, ready };
      }
    }
    send(run.count);
    return { more: true, ready };
  }

  /** What the selection makes of a flow: a frame of its own, or the run's bytes when it stays as it is; null for nothing. One whose bytes are damaged is lost, and told. */
  private select(run: RingRun, i: number, start: number, end: number): Uint8Array | null {
    const { transform } = this.selection;
    try {
      if (!passes(this.selection, run, i)) return null;
      return transform === null ? run.bytes : transform(run.bytes, start, end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.addLoss(Cause.RECORD_MALFORMED, 1, DAMAGED);
      return null;
    }
  }

  private wantsMore(): boolean {
    const { number, follow } = this.selection;
    return follow || number === 0 || this.delivered < number;
  }

  private noticeOvertaken(): void {
    if (this.seq >= this.ring.oldestSeq) return;
    this.seq = this.ring.oldestSeq;
    const ordinal = Math.min(this.ring.flowOrdinal(this.seq), this.stopOrdinal);
    const events = ordinal - this.ordinal;
    this.ordinal = ordinal;
    if (events === 0) return;
    const { slowCause = Cause.SUBSCRIBER_SLOW } = this.context;
    this.addLoss(this.waitedForClient ? slowCause : Cause.HISTORY_OVERWRITTEN, events, '');
  }

  private addLoss(cause: LossCause, events: number, detail: string): void {
    const nowMs = Date.now();
    this.context.ledger.add(cause, events, detail, nowMs);
    if (this.loss !== null && this.loss.cause !== cause) this.tellLoss(true);
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
