import kafkajs, { type Admin, type IHeaders, type Producer } from 'kafkajs';
import { registerCodecs } from '../../kafka/kafkajs-codecs.ts';
import { kafkajsConfig } from '../../kafka/kafkajs-config.ts';
import { type KafkaClient, type KafkaClientConfig, KafkaError, failureOf } from './client.ts';
import type { KafkaRecords } from './records.ts';

const { CompressionTypes, Kafka, Partitioners } = kafkajs;

const CLIENT_ID = 'sluice-export';
/** Enough for a change of leaders; a longer absence of the broker is for the caller to bridge. */
const RETRY = { retries: 4, initialRetryTime: 200, maxRetryTime: 2000 };

const compressionTypes: Readonly<Record<string, kafkajs.CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

/** kafkajs behind the interface. */
export class KafkajsClient implements KafkaClient {
  private readonly config: KafkaClientConfig;
  private producer: Producer | null = null;
  private admin: Admin | null = null;

  constructor(config: KafkaClientConfig) {
    this.config = config;
    registerCodecs();
  }

  async open(): Promise<void> {
    await this.close();
    await translated(async () => {
      const kafka = new Kafka(kafkajsConfig(this.config, CLIENT_ID));
      this.admin = kafka.admin({ retry: RETRY });
      this.producer = kafka.producer({
        idempotent: true,
        // With more, batches of a partition may overtake each other, which an idempotent producer must not.
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: RETRY,
      });
      await this.admin.connect();
      await this.producer.connect();
    });
  }

  partitionsOf(topic: string): Promise<number> {
    return translated(async () => {
      try {
        const { topics } = await this.opened(this.admin).fetchTopicMetadata({ topics: [topic] });
        const { partitions = [] } = topics.find(({ name }) => name === topic) ?? {};
        return partitions.filter(({ leader }) => leader >= 0).length;
      } catch (error) {
        if (failureIn(error) === 'topic_missing') return 0;
        throw error;
      }
    });
  }

  createTopic(topic: string, partitions: number, replicationFactor: number): Promise<void> {
    return translated(async () => {
      await this.opened(this.admin).createTopics({
        // It may tell of a missing topic when asked to wait: whoever needs the topic looks for it.
        waitForLeaders: false,
        topics: [{ topic, numPartitions: partitions, replicationFactor }],
      });
    });
  }

  send(topic: string, records: KafkaRecords): Promise<void> {
    const { bytes, starts, ends, keys, headers } = records;
    return translated(async () => {
      await this.opened(this.producer).send({
        topic,
        acks: -1,
        compression: compressionTypes[this.config.compression],
        messages: keys.map((key, i) => ({
          key: key?.bytes ?? null,
          value: bytes.subarray(starts[i], ends[i]),
          headers: headers[i].fields as IHeaders,
        })),
      });
    });
  }

  async close(): Promise<void> {
    const { producer, admin } = this;
    this.producer = null;
    this.admin = null;
    await producer?.disconnect().catch(() => {}); // a connection that is broken is closed
    await admin?.disconnect().catch(() => {});
  }

  private opened<T>(part: T | null): T {
    if (part === null) throw new KafkaError('broker', 'not connected to Kafka');
    return part;
  }
}

/** An error of this library, of which others may be the cause. */
interface LibraryError extends Error {
  /** Name of an error of the protocol. */
  readonly type?: string;
  readonly errors?: readonly LibraryError[];
  readonly cause?: LibraryError;
}

/** An error and all that caused it. */
function chain(error: LibraryError | undefined): LibraryError[] {
  if (error === undefined) return [];
  return [error, ...(error.errors ?? []).flatMap(chain), ...chain(error.cause)];
}

function failureIn(error: unknown): KafkaError['failure'] {
  const failures = chain(error as LibraryError).map(({ name, type }) =>
    name === 'KafkaJSSASLAuthenticationError' ? 'denied' : failureOf(type),
  );
  return failures.find((failure) => failure !== 'broker') ?? 'broker';
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KafkaError) throw error;
    const causes = new Set(chain(error as LibraryError).map(({ message }) => message));
    throw new KafkaError(failureIn(error), `Kafka: ${[...causes].join(': ')}`, error);
  }
}
