import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf, KafkaError, type KafkaFailure } from './client.ts';
import type { Refusals } from './produce-request.ts';
import { type ProducerIdentity, type RecordBatch, stampBatch } from './record-batch.ts';

/** What a sender asks of the cluster. Whatever is thrown is a KafkaError. */
export interface Cluster {
  /** A new identity for a producer. */
  identify(): Promise<ProducerIdentity>;
  /** The broker that leads each partition of the topic, -1 for none; asked anew with `refresh`. */
  leaders(refresh: boolean): Promise<readonly number[]>;
  /** A way to send batches to a broker, in the order of the calls. Rejects when nothing is known of any of them. */
  connect(broker: number): Promise<(batches: readonly RecordBatch[]) => Promise<Refusals>>;
}

/** Batches that were handed in together. */
interface Unit {
  /** Its place in the order of all. */
  readonly number: number;
  readonly onRetry: (error: KafkaError) => void;
  /** Those that are not stored yet. */
  batches: RecordBatch[];
  readonly done: PromiseWithResolvers<void>;
  /** What it is numbered for; null before. */
  stampedFor: ProducerIdentity | null;
  /** When it failed first; NaN before. */
  failedMs: number;
  error: KafkaError | null;
}

/** More under way for a partition, and brokers forget what they need to tell repeated batches. */
const MAX_IN_FLIGHT = 5;
/** A broker that restarts is back within this time; for as long, what it may have stored is repeated under the same numbers. */
const GIVE_UP_MS = 60_000;
/** A topic that was made just now is not known to every broker at once. */
const NO_TOPIC_MS = 5000;
const RETRY_MS = 500;

/** Asking again does not help. */
const FINAL: ReadonlySet<KafkaFailure> = new Set(['too_large', 'denied']);

/**
 * Sends batches of one topic as an idempotent producer: several requests under way, each batch numbered within its partition. Where one fails, what is under way is awaited, and all that failed is
 * sent again in order and with the same numbers, so that the broker stores each batch once. Where that cannot work (a batch that is refused for good leaves a gap in the numbers), numbering begins
 * anew with a new identity.
 */
export class BatchSender {
  private readonly cluster: Cluster;
  private identity: ProducerIdentity | null;
  private readonly sequences = new Map<number, number>();
  private waiting: Unit[] = [];
  private failed: Unit[] = [];
  private inFlight = 0;
  private isPumping = false;
  private units = 0;
  private readonly closing = new AbortController();

  constructor(cluster: Cluster, identity: ProducerIdentity) {
    this.cluster = cluster;
    this.identity = identity;
  }

  /** Resolves once all in-sync replicas have all batches. Rejects with KafkaError when some are given up. @param onRetry told of a failure that is tried again */
  send(batches: RecordBatch[], onRetry: (error: KafkaError) => void): Promise<void> {
    if (this.closing.signal.aborted) return Promise.reject(closed());
    const done = Promise.withResolvers<void>();
    const number = this.units++;
    this.waiting.push({
      number,
      batches,
      onRetry,
      done,
      stampedFor: null,
      failedMs: Number.NaN,
      error: null,
    });
    void this.pump();
    return done.promise;
  }

  /** Gives up everything that is not stored. */
  close(): void {
    this.closing.abort();
    for (const { done } of [...this.failed, ...this.waiting]) done.reject(closed());
    this.waiting = [];
    this.failed = [];
  }

  /** Sends what waits, one unit after the other, for as long as none fails. */
  private async pump(): Promise<void> {
    if (this.isPumping) return;
    this.isPumping = true;
    while (this.failed.length === 0 && this.inFlight < MAX_IN_FLIGHT && this.waiting.length > 0) {
      const unit = this.waiting.shift()!;
      this.inFlight++;
      const answers = await this.dispatch(unit);
      void this.settle(unit, answers);
    }
    this.isPumping = false;
  }

  /** Resolves when a unit is on its way, with what comes of it; never rejects. */
  private async dispatch(unit: Unit): Promise<readonly Promise<void>[]> {
    unit.error = null;
    try {
      this.identity ??= await this.cluster.identify();
      this.stamp(unit, this.identity);
      const leaders = await this.cluster.leaders(!Number.isNaN(unit.failedMs));
      const byLeader = Map.groupBy(unit.batches, ({ partition }) => leaders[partition] ?? -1);
      const sends: (() => Promise<void>)[] = [];
      for (const [leader, batches] of byLeader) {
        if (leader < 0) throw new KafkaError('broker', `partition ${batches[0].partition} has no leader`);
        const request = await this.cluster.connect(leader);
        sends.push(async () => takeStored(unit, batches, await request(batches)));
      }
      return sends.map((send) => send());
    } catch (error) {
      return [Promise.reject(error)];
    }
  }

  private stamp(unit: Unit, identity: ProducerIdentity): void {
    if (unit.stampedFor === identity) return;
    unit.stampedFor = identity;
    for (const batch of unit.batches) {
      const sequence = this.sequences.get(batch.partition) ?? 0;
      stampBatch(batch, identity, sequence);
      this.sequences.set(batch.partition, (sequence + batch.count) & 0x7fffffff);
    }
  }

  private async settle(unit: Unit, answers: readonly Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(answers)) {
      if (result.status === 'rejected') unit.error ??= asKafkaError(result.reason);
    }
    this.inFlight--;
    if (unit.error === null) unit.done.resolve();
    else if (this.closing.signal.aborted) unit.done.reject(closed());
    else this.failed.push(unit);
    if (this.failed.length > 0 && this.inFlight === 0) await this.recover();
    void this.pump();
  }

  /** Nothing is under way any more: gives up what will not do, and puts the rest back to be sent again, in order. */
  private async recover(): Promise<void> {
    const failed = this.failed.sort((a, b) => a.number - b.number);
    const again = failed.filter((unit, i) => this.isToRepeat(unit, i === 0));
    this.failed = again;
    for (const unit of again) unit.onRetry(unit.error!);
    if (again.length > 0) await sleep(RETRY_MS, null, { signal: this.closing.signal }).catch(() => {});
    if (this.closing.signal.aborted) return;
    this.failed = [];
    this.waiting.unshift(...again);
  }

  private isToRepeat(unit: Unit, isFirst: boolean): boolean {
    const { failure } = unit.error!;
    // Behind one that failed, numbers are out of order: no failing of this one.
    if (failure === 'producer_reset' && !isFirst) return true;
    if (Number.isNaN(unit.failedMs)) unit.failedMs = performance.now();
    const limitMs = failure === 'topic_missing' ? NO_TOPIC_MS : GIVE_UP_MS;
    const isOver = FINAL.has(failure) || performance.now() - unit.failedMs > limitMs;
    if (isOver || failure === 'producer_reset') {
      this.identity = null;
      this.sequences.clear();
    }
    if (isOver) unit.done.reject(unit.error);
    return !isOver;
  }
}

/** Takes what was stored out of the unit. Throws KafkaError when there is something that was not. */
function takeStored(unit: Unit, batches: readonly RecordBatch[], refusals: Refusals): void {
  let error: KafkaError | null = null;
  for (const batch of batches) {
    const refusal = refusals.get(batch.partition);
    // A duplicate is there already: the answer of before got lost.
    if (refusal === undefined || refusal.name === 'DUPLICATE_SEQUENCE_NUMBER') {
      unit.batches = unit.batches.filter((other) => other !== batch);
    } else {
      const { name, message } = refusal;
      error ??= new KafkaError(failureOf(name), `Kafka: partition ${batch.partition}: ${name} ${message}`);
    }
  }
  if (error !== null) throw error;
}

function asKafkaError(error: unknown): KafkaError {
  return error instanceof KafkaError ? error : new KafkaError('broker', (error as Error).message, error);
}

function closed(): KafkaError {
  return new KafkaError('broker', 'the connection to Kafka was closed');
}
