import type { SinkConfig } from '../config/config.ts';
import { Backoff } from '../../rpc/backoff.ts';
import { compileSelect, messagesOf, type Selected } from '../select/select-messages.ts';
import { type Reject, type Sink, SinkError, type WriteContext } from '../sink/sink.ts';
import type { SpoolReader, SpoolRecord } from '../spool/spool-reader.ts';
import { orAborted, pause } from '../wait.ts';
import type { DeadLetters } from './dead-letters.ts';

export interface DeliveryOptions {
  readonly config: SinkConfig;
  readonly sink: Sink;
  readonly reader: SpoolReader;
  readonly deadLetters: DeadLetters;
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string | number>) => void;
}

/** A record on its way. */
interface InFlight {
  record: SpoolRecord;
  /** What came of its messages, once that is known. */
  counts: Readonly<Record<string, number>> | null;
}

const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 15_000;
/** Time that writes under way are given when the process ends. */
const GRACE_MS = 5000;

/**
 * Takes one sink's flows from the spool to its store: each is acknowledged to the spool once the store has it, a dead letter holds it, or the sink's own lists left it out. A write that fails
 * is tried again for as long as it takes.
 */
export class Delivery {
  /** Writes that were tried again, by cause, since the process began. */
  readonly retries = new Map<string, number>();
  /** Messages that were read and are not acknowledged yet. */
  inFlight = 0;
  /** Latest time of a flow that was acknowledged, in µs; NaN before the first. */
  deliveredTimeUs = Number.NaN;
  /** Why the sink does not get on; null while it does. */
  problem: string | null = null;
  private readonly options: DeliveryOptions;
  private readonly select: ReturnType<typeof compileSelect>;
  private readonly window: InFlight[] = [];

  constructor(options: DeliveryOptions) {
    this.options = options;
    this.select = compileSelect(options.config);
  }

  get config(): SinkConfig {
    return this.options.config;
  }

  /** What the sink counts beside what becomes of each message. */
  get counters(): Readonly<Record<string, number>> {
    return this.options.sink.counters ?? {};
  }

  get reader(): SpoolReader {
    return this.options.reader;
  }

  /**
   * Runs until `signal` aborts, then waits some seconds for what is under way; what is not acknowledged by then stays in the spool. Closes the sink. Throws Error when the spool cannot be
   * read.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { sink, reader } = this.options;
    const giveUp = new AbortController();
    const broken = new AbortController();
    const stop = AbortSignal.any([signal, broken.signal]);
    const running = new Set<Promise<void>>();
    try {
      await this.untilDone('open', stop, () => sink.open());
      while (!stop.aborted) {
        const record = await reader.next(stop);
        if (record === null) break;
        const entry: InFlight = { record, counts: null };
        this.window.push(entry);
        this.inFlight += record.frames.count;
        const work = this.deliver(entry, stop, giveUp.signal)
          .catch((error: Error) => broken.abort(error))
          .finally(() => running.delete(work));
        running.add(work);
        if (running.size >= sink.maxInFlight) await orAborted(Promise.race(running), stop);
      }
    } finally {
      const timer = setTimeout(() => giveUp.abort(), GRACE_MS);
      await orAborted(Promise.all(running), giveUp.signal);
      clearTimeout(timer);
      giveUp.abort();
      await sink.close();
      await this.options.deadLetters.close();
    }
    if (broken.signal.aborted) throw broken.signal.reason as Error;
  }

  private async deliver(entry: InFlight, signal: AbortSignal, giveUp: AbortSignal): Promise<void> {
    const { frames } = entry.record;
    const selected = this.select(frames);
    const context: WriteContext = {
      signal: giveUp,
      retried: (cause, reason) => this.countRetry(cause, reason),
    };
    const counts: Record<string, number> = {};
    const isDone = await this.untilDone('write', signal, async () => {
      const rejects = await this.write(selected, context);
      // Before anything counts: a letter that cannot be kept has the write repeated.
      await this.options.deadLetters.add(messagesOf(frames), selected.rejects);
      await this.options.deadLetters.add(selected.messages, rejects);
      Object.assign(counts, countsOf(selected, rejects));
    });
    if (!isDone) return;
    const { sink, reader } = this.options;
    const settled = selected.messages.count === 0 ? undefined : sink.settled?.();
    if (settled === undefined) {
      entry.counts = counts;
      this.acknowledge();
      return;
    }
    // The sink has counted the flows, and will take a while to store that: their bytes are not needed any more.
    entry.record = reader.detach(entry.record);
    void settled.then(() => {
      entry.counts = counts;
      this.acknowledge();
    });
  }

  private async write({ messages }: Selected, context: WriteContext): Promise<readonly Reject[]> {
    return messages.count === 0 ? [] : this.options.sink.write(messages, context);
  }

  /** Acknowledges what is done, up to the first record that is not. */
  private acknowledge(): void {
    while (this.window.length > 0 && this.window[0].counts !== null) {
      const { record, counts } = this.window.shift()!;
      this.inFlight -= record.frames.count;
      if (Number.isFinite(record.maxTimeUs)) this.deliveredTimeUs = record.maxTimeUs;
      this.options.reader.ack(record, counts!);
    }
  }

  /** Tries some work until it succeeds. False when `signal` aborted before. */
  private async untilDone(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<boolean> {
    const wait = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    for (;;) {
      try {
        await work();
        this.recovered();
        return true;
      } catch (error) {
        this.failed(what, error as Error);
      }
      if (!signal.aborted) await pause(wait.next(), signal);
      if (signal.aborted) return false;
    }
  }

  private failed(what: string, error: Error): void {
    const cause = error instanceof SinkError ? error.failure : `${what}_error`;
    this.countRetry(cause);
    this.hasProblem(what, cause, error.message);
  }

  private hasProblem(what: string, cause: string, error: string): void {
    if (this.problem === null) {
      this.options.log('warn', `cannot ${what}, trying again until it works`, {
        sink: this.config.name,
        cause,
        error,
      });
    }
    this.problem = error;
  }

  private recovered(): void {
    if (this.problem !== null) this.options.log('info', 'works again', { sink: this.config.name });
    this.problem = null;
  }

  private countRetry(cause: string, reason?: string): void {
    this.retries.set(cause, (this.retries.get(cause) ?? 0) + 1);
    if (reason !== undefined) this.hasProblem('write', cause, reason);
  }
}

/** What came of a record: every message of it is in exactly one of these. */
function countsOf(selected: Selected, rejects: readonly Reject[]): Record<string, number> {
  const { messages, filtered, sampledOut } = selected;
  const counts: Record<string, number> = {
    delivered: messages.count - rejects.length,
    filtered,
    sampled_out: sampledOut,
  };
  for (const { cause } of [...selected.rejects, ...rejects]) {
    const name = `rejected_${cause}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
