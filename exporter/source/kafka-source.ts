import kafkajs, { type Consumer, type EachBatchPayload, type KafkaMessage } from 'kafkajs';
import { frameMessage, FrameSplitter } from '../../proto/flow/frame.ts';
import type { KafkaSourceConfig } from '../config/config.ts';
import { kafkajsConfig } from '../kafka/kafkajs-config.ts';
import { registerCodecs } from '../kafka/kafkajs-codecs.ts';
import { messageOf } from '../kafka/message-of.ts';
import { Backoff } from '../../rpc/backoff.ts';
import type { Spool } from '../spool/spool.ts';
import { orAborted, pause } from '../wait.ts';
import { noSourceCounts, readBatches, sortFrames } from './frame-sorter.ts';
import { RecordWriter } from './record-writer.ts';
import type { Source, SourceState } from './source.ts';

const CLIENT_ID = 'sluice-export';
/** While the spool is full nothing is read, and the group is told that we live. */
const HEARTBEAT_MS = 3000;
/** After so long without one the partitions of a member that was killed go to others, or to its successor. */
const SESSION_MS = 10_000;
const FETCH_WAIT_MS = 500;
/** Longest message that is taken: what a broker takes by default, several times. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export interface KafkaSourceOptions {
  readonly source: KafkaSourceConfig;
  readonly spool: Spool;
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string | number>) => void;
}

/**
 * Reads a topic into the spool as a member of a consumer group, so that several exporters share its partitions. An offset is committed once the spool has everything before it: a crash has the last records
 * of each partition come again, and loses none.
 */
export class KafkaSource implements Source {
  readonly counts = noSourceCounts();
  breaks = 0;
  gaps = 0;
  state: SourceState = { name: 'connecting', reason: 'not tried yet' };
  private readonly options: KafkaSourceOptions;

  constructor(options: KafkaSourceOptions) {
    this.options = options;
    registerCodecs();
  }

  get name(): string {
    const { topic, brokers } = this.options.source;
    return `topic ${topic} at ${brokers.join(',')}`;
  }

  goOnFrom({ counts, breaks, gaps }: Source): void {
    Object.assign(this.counts, counts);
    this.breaks = breaks;
    this.gaps = gaps;
  }

  /** Runs until `signal` aborts. Throws Error when the spool fails. */
  async run(signal: AbortSignal): Promise<void> {
    const wait = new Backoff(500, 15_000);
    while (!signal.aborted) {
      const before = this.counts.flows;
      const reason = await this.consume(signal);
      if (signal.aborted) return;
      if (this.state.name === 'following' || this.breaks === 0) {
        this.options.log('warn', 'reading broke, trying again', { source: this.name, reason });
      }
      this.breaks++;
      this.state = { name: 'connecting', reason };
      if (this.counts.flows > before) wait.reset();
      await pause(wait.next(), signal);
    }
  }

  /** One consumer, until it breaks. Returns why it did. */
  private async consume(signal: AbortSignal): Promise<string> {
    const { source, spool } = this.options;
    const broken = Promise.withResolvers<string>();
    let failure: Error | undefined;
    const fail = (error: Error): void => {
      failure ??= error;
      broken.resolve(error.message);
    };
    const writer = new RecordWriter((batch, abort) => spool.append(batch, abort), signal, fail);
    let consumer: Consumer | undefined;
    try {
      // Secrets are read anew each time.
      consumer = new kafkajs.Kafka(kafkajsConfig(source, CLIENT_ID)).consumer({
        groupId: source.group,
        allowAutoTopicCreation: false,
        sessionTimeout: SESSION_MS,
        maxWaitTimeInMs: FETCH_WAIT_MS,
        retry: { retries: 3, restartOnFailure: () => Promise.resolve(false) },
      });
      consumer.on(consumer.events.GROUP_JOIN, () => this.joined());
      consumer.on(consumer.events.CRASH, ({ payload }) => broken.resolve(payload.error.message));
      await consumer.connect();
      await consumer.subscribe({ topic: source.topic, fromBeginning: source.start === 'oldest' });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (batch) => this.take(batch, consumer!, writer, signal).catch(fail),
      });
      await orAborted(broken.promise, signal);
    } catch (error) {
      broken.resolve((error as Error).message);
    } finally {
      await consumer?.disconnect().catch(() => {}); // a connection that is broken is closed
    }
    if (failure !== undefined) throw new Error(`spool: ${failure.message}`, { cause: failure });
    return signal.aborted ? '' : broken.promise;
  }

  /** Puts a batch of one partition into the spool, and commits its end. Throws what the spool throws. */
  private async take(
    payload: EachBatchPayload,
    consumer: Consumer,
    writer: RecordWriter,
    signal: AbortSignal,
  ): Promise<void> {
    const { batch } = payload;
    if (!payload.isRunning() || payload.isStale() || batch.messages.length === 0) return;
    this.add(batch.messages, writer);
    const timer = setInterval(() => void payload.heartbeat().catch(() => {}), HEARTBEAT_MS);
    try {
      await writer.flush();
    } finally {
      clearInterval(timer);
    }
    // What was not written because the process ends comes again.
    if (signal.aborted) return;
    const last = batch.lastOffset();
    payload.resolveOffset(last);
    const next = String(BigInt(last) + 1n);
    const { topic, partition } = batch;
    // A commit that fails leaves it to the next one, of this member or of who has the partition then.
    await consumer.commitOffsets([{ topic, partition, offset: next }]).catch(() => {});
    await payload.heartbeat().catch(() => {});
  }

  private add(messages: readonly KafkaMessage[], writer: RecordWriter): void {
    const frames: Uint8Array[] = [];
    for (const { value } of messages) {
      try {
        if (value !== null && value.length <= MAX_MESSAGE_BYTES) frames.push(frameMessage(messageOf(value)));
        else this.counts.malformed++;
      } catch {
        this.counts.malformed++;
      }
    }
    const run = new FrameSplitter(MAX_MESSAGE_BYTES).push(Buffer.concat(frames));
    if (run === null) return;
    const nowUs = Date.now() * 1000;
    for (const sorted of readBatches(run, this.counts)) {
      sortFrames(sorted, null, this.counts, (from, to) => writer.add(sorted, from, to, nowUs));
    }
  }

  private joined(): void {
    this.state = { name: 'following', sinceMs: Date.now() };
    this.options.log('info', 'following', { source: this.name });
  }
}
