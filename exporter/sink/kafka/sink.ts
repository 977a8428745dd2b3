import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaConfig } from '../../config/config.ts';
import type { MessageList, Reject, Sink, WriteContext } from '../sink.ts';
import { type KafkaClient, KafkaError } from './client.ts';
import { RecordMaker } from './record.ts';
import { type KafkaRecords, sliceRecords } from './records.ts';

/** A topic that was made just now has no leaders for a moment. */
const LEADER_POLLS = 20;
const LEADER_POLL_MS = 50;

/** The sink for a topic, with the client that its configuration names. */
export async function createKafkaSink(config: KafkaConfig): Promise<Sink> {
  return new KafkaSink(config, await createClient(config));
}

async function createClient(config: KafkaConfig): Promise<KafkaClient> {
  if (config.client === 'kafkajs') return new (await import('./kafkajs-client.ts')).KafkajsClient(config);
  return new (await import('./platformatic-client.ts')).PlatformaticClient(config);
}

/** What a send tells beside its end. */
interface SendIo {
  readonly reject: (at: number, reason: string) => void;
  readonly onRetry: (error: KafkaError) => void;
}

/** Messages as records of a Kafka topic. */
class KafkaSink implements Sink {
  readonly maxInFlight: number;
  private readonly config: KafkaConfig;
  private readonly client: KafkaClient;
  private readonly maker: RecordMaker;
  private reopening: Promise<void> | null = null;

  constructor(config: KafkaConfig, client: KafkaClient) {
    this.config = config;
    this.client = client;
    this.maker = new RecordMaker(config);
    this.maxInFlight = config.inFlight;
  }

  async open(): Promise<void> {
    const { topic, brokers, createTopic } = this.config;
    await this.client.open();
    if ((await this.client.partitionsOf(topic)) > 0) return;
    if (createTopic !== undefined) {
      await this.client.createTopic(topic, createTopic.partitions, createTopic.replicationFactor);
      for (let i = 0; i < LEADER_POLLS; i++) {
        if ((await this.client.partitionsOf(topic)) >= createTopic.partitions) return;
        await sleep(LEADER_POLL_MS);
      }
    }
    const remedy = createTopic === undefined ? ': create it, or have it created with createTopic' : ' yet';
    throw new KafkaError(
      'topic_missing',
      `topic "${topic}" does not exist on ${brokers.join(', ')}${remedy}`,
    );
  }

  async write(messages: MessageList, { retried }: WriteContext): Promise<readonly Reject[]> {
    await this.reopening;
    const { records, places, rejects } = this.maker.make(messages);
    const tooLarge: Reject[] = [];
    const io: SendIo = {
      reject: (at, reason) => tooLarge.push({ index: places[at], cause: 'too_large', reason }),
      onRetry: ({ failure, message }) => retried(failure, message),
    };
    await this.send(records, 0, io);
    return [...rejects, ...tooLarge];
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** Has further writes go by a new producer. */
  private reopen(): void {
    this.reopening ??= this.client
      .open()
      .catch(() => {}) // the next write tells
      .finally(() => {
        this.reopening = null;
      });
  }

  /** Sends records; where one is too large for the topic, halves of the batch, until it is found. */
  private async send(records: KafkaRecords, first: number, io: SendIo): Promise<void> {
    const count = records.keys.length;
    if (count === 0) return;
    try {
      await this.client.send(this.config.topic, records, io.onRetry);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.failure === 'producer_reset') this.reopen();
      if (error.failure !== 'too_large') throw error;
      if (count === 1) {
        io.reject(first, error.message);
        return;
      }
      const half = count >> 1;
      await this.send(sliceRecords(records, 0, half), first, io);
      await this.send(sliceRecords(records, half, count), first + half, io);
    }
  }
}
