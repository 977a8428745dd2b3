import { createFlowPeek, ENVELOPE_FLOW, peekFlow, timeUsOf } from '../../../proto/flow/peek-flow.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { Backoff } from '../../../rpc/backoff.ts';
import type { ElasticsearchConfig } from '../../config/config.ts';
import { FlowKey } from '../../flow-key.ts';
import { pause } from '../../wait.ts';
import { type MessageList, type Reject, type Sink, SinkError, type WriteContext } from '../sink.ts';
import { bodyOfJson } from './bulk-body.ts';
import { BulkWriter } from './bulk-writer.ts';
import { EdgeMinute, MINUTE_US } from './edge-minute.ts';
import { EDGE_TEMPLATE, edgeStream } from './streams.ts';

/** A minute is closed when flows come that are so much younger than its end: relays put flows in order to within a second. */
const GRACE_US = 5_000_000;
/** It is closed, too, when nothing came for so long. */
const IDLE_MS = 15_000;
const TICK_MS = 1000;
/** Closed minutes that may wait for the server before further flows do. */
const MAX_CLOSED = 10;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;

/**
 * Counts flows by edge and minute, and stores the counts. What a write brings is stored with its minute, so `settled` tells when that is. A minute is stored once: its documents have ids that are the same when the
 * same flows are counted again after a restart. Flows that come later than that are stored as further documents of the minute, to be added up.
 */
export class EdgeSink implements Sink {
  readonly maxInFlight = 1;
  private readonly writer: BulkWriter;
  private readonly scope: string;
  private readonly peek = createFlowPeek();
  private readonly key = new FlowKey();
  private readonly gathering = new Map<number, EdgeMinute>();
  private readonly closed: EdgeMinute[] = [];
  /** Minutes before this one were closed. */
  private closedUntilUs = Number.NEGATIVE_INFINITY;
  private newestUs = Number.NEGATIVE_INFINITY;
  private writes = 0;
  private lastWriteMs = 0;
  private waiters: { readonly write: number; readonly resolve: () => void }[] = [];
  private storing: Promise<void> | null = null;
  private retried: WriteContext['retried'] = () => {};
  private rejected = 0;
  private timer: NodeJS.Timeout | undefined;
  private ending = new AbortController();

  constructor(config: ElasticsearchConfig, scope: string) {
    this.writer = new BulkWriter(config, edgeStream(config.namespace));
    this.scope = scope;
  }

  get counters(): Readonly<Record<string, number>> {
    return { duplicates: this.writer.duplicates, rejected_edges: this.rejected };
  }

  async open(): Promise<void> {
    await this.writer.open(EDGE_TEMPLATE);
    this.ending = new AbortController();
    clearInterval(this.timer);
    this.timer = setInterval(() => this.closeIdle(), TICK_MS).unref();
  }

  async write(messages: MessageList, { signal, retried }: WriteContext): Promise<readonly Reject[]> {
    this.retried = retried;
    while (this.closed.length > MAX_CLOSED && !signal.aborted) await pause(TICK_MS, signal);
    if (signal.aborted) throw new SinkError('busy', 'counts of minutes wait for the server');
    this.writes++;
    this.lastWriteMs = Date.now();
    const rejects: Reject[] = [];
    for (let index = 0; index < messages.count; index++) {
      try {
        this.count(messages.bytes, messages.starts[index], messages.ends[index]);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        rejects.push({ index, cause: 'malformed', reason: error.message });
      }
    }
    this.closeMinutes(this.newestUs);
    return rejects;
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push({ write: this.writes, resolve });
      this.tellWaiters();
    });
  }

  /** What was gathered is forgotten: nothing of it is settled, so it comes again. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.ending.abort();
    await this.storing;
    this.gathering.clear();
    this.closed.length = 0;
    this.waiters = [];
    this.closedUntilUs = Number.NEGATIVE_INFINITY;
    this.newestUs = Number.NEGATIVE_INFINITY;
    await this.writer.close();
  }

  private count(bytes: Uint8Array, start: number, end: number): void {
    const { peek, key } = this;
    peekFlow(bytes, start, end, peek);
    if (peek.kind !== ENVELOPE_FLOW) return;
    const timeUs = timeUsOf(peek.seconds, peek.nanos);
    const startUs = Math.floor(timeUs / MINUTE_US) * MINUTE_US;
    let minute = this.gathering.get(startUs);
    if (minute === undefined) {
      minute = new EdgeMinute(startUs, this.writes, startUs < this.closedUntilUs);
      this.gathering.set(startUs, minute);
    }
    key.read(bytes, start, end);
    minute.add(bytes, start, end, key.words);
    // A node whose clock is ahead must not close the minutes of all others.
    this.newestUs = Math.max(this.newestUs, Math.min(timeUs, Date.now() * 1000));
  }

  private closeIdle(): void {
    const nowMs = Date.now();
    if (nowMs - this.lastWriteMs > IDLE_MS) this.closeMinutes(nowMs * 1000);
  }

  /** Closes the minutes that ended long enough before `timeUs`. */
  private closeMinutes(timeUs: number): void {
    const untilUs = Math.floor((timeUs - GRACE_US) / MINUTE_US) * MINUTE_US;
    if (untilUs > this.closedUntilUs) this.closedUntilUs = untilUs;
    for (const [startUs, minute] of this.gathering) {
      if (startUs >= this.closedUntilUs) continue;
      this.gathering.delete(startUs);
      if (minute.isEmpty) continue;
      this.closed.push(minute);
    }
    this.tellWaiters();
    if (this.closed.length > 0) this.storing ??= this.store().finally(() => (this.storing = null));
  }

  /** Stores closed minutes, one after the other, each for as long as it takes. */
  private async store(): Promise<void> {
    const { signal } = this.ending;
    const wait = new Backoff(FIRST_WAIT_MS, MAX_WAIT_MS);
    while (this.closed.length > 0 && !signal.aborted) {
      try {
        const body = bodyOfJson(this.closed[0].documents(this.scope));
        const context = { signal, retried: this.retried };
        let rejected = 0;
        await this.writer.write(body, context, () => rejected++);
        this.rejected += rejected;
        this.closed.shift();
        wait.reset();
        this.tellWaiters();
      } catch (error) {
        if (!(error instanceof SinkError)) throw error;
        if (signal.aborted) return;
        this.retried(error.failure, error.message);
        await pause(wait.next(), signal);
      }
    }
  }

  /** Resolves those whose flows are all stored. */
  private tellWaiters(): void {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { firstWrite } of this.gathering.values()) oldest = Math.min(oldest, firstWrite);
    for (const { firstWrite } of this.closed) oldest = Math.min(oldest, firstWrite);
    const done = this.waiters.filter(({ write }) => write < oldest);
    this.waiters = this.waiters.filter(({ write }) => write >= oldest);
    for (const { resolve } of done) resolve();
  }
}
