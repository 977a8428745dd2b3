import { Admin, type BaseOptions, Producer } from '@platformatic/kafka';
import { readSecret } from '../../config/secret.ts';
import { BatchSender, type Cluster } from './batch-sender.ts';
import { type KafkaClient, type KafkaClientConfig, KafkaError, failureOf } from './client.ts';
import { produce } from './produce-request.ts';
import { BatchEncoder, type ProducerIdentity } from './record-batch.ts';
import type { KafkaRecords } from './records.ts';
import { tlsOptions } from '../../kafka/tls-options.ts';

const CLIENT_ID = 'sluice-export';
/** Enough for a change of leaders; a longer absence of the broker is for the caller to bridge. */
const RETRIES = 5;
const RETRY_DELAY_MS = 500;
const TIMEOUT_MS = 30_000;
/** Leaders that changed are told by brokers; partitions that were added are found by asking. */
const METADATA_AGE_MS = 60_000;

/**
 * @platformatic/kafka behind the interface: its connections, and what they ask of a cluster. Records are put together and sent by code of ours, since its own way makes several objects of each: six times
 * the CPU of what is done here.
 */
export class PlatformaticClient implements KafkaClient {
  private readonly config: KafkaClientConfig;
  private producer: Producer | null = null;
  private admin: Admin | null = null;
  private readonly encoder: BatchEncoder;
  private readonly senders = new Map<string, BatchSender>();
  private identity: ProducerIdentity | null = null;

  constructor(config: KafkaClientConfig) {
    this.config = config;
    this.encoder = new BatchEncoder(config.compression);
  }

  async open(): Promise<void> {
    await this.close();
    await translated(async () => {
      const options = baseOptions(this.config);
      this.admin = new Admin(options);
      this.producer = new Producer({ ...options, autocreateTopics: false });
    });
    // A broker that is away is told here and now.
    this.identity = await this.identify();
  }

  partitionsOf(topic: string): Promise<number> {
    return translated(async () => {
      try {
        const { topics } = await this.opened(this.admin).metadata({
          topics: [topic],
          forceUpdate: true,
          retries: 1, // a topic that is missing is an answer
        });
        const { partitions = [] } = topics.get(topic) ?? {};
        return partitions.filter(({ leader }) => leader >= 0).length;
      } catch (error) {
        if (failureIn(error) === 'topic_missing') return 0;
        throw error;
      }
    });
  }

  createTopic(topic: string, partitions: number, replicationFactor: number): Promise<void> {
    return translated(async () => {
      try {
        await this.opened(this.admin).createTopics({
          topics: [topic],
          partitions,
          replicas: replicationFactor,
        });
      } catch (error) {
        if (!namesIn(error).includes('TOPIC_ALREADY_EXISTS')) throw error;
      }
    });
  }

  async send(topic: string, records: KafkaRecords, onRetry: (error: KafkaError) => void): Promise<void> {
    const { length } = await this.leaders(topic, false);
    const batches = this.encoder.encode(records, length, Date.now());
    await this.senderTo(topic).send(batches, onRetry);
  }

  async close(): Promise<void> {
    const { producer, admin } = this;
    this.producer = null;
    this.admin = null;
    this.identity = null;
    for (const sender of this.senders.values()) sender.close();
    this.senders.clear();
    // What is closed twice, or was never connected, is closed.
    await (producer?.close(true) ?? Promise.resolve()).catch(() => {});
    await (admin?.close() ?? Promise.resolve()).catch(() => {});
  }

  private senderTo(topic: string): BatchSender {
    const known = this.senders.get(topic);
    if (known !== undefined) return known;
    const sender = new BatchSender(
      {
        identify: () => this.identify(),
        leaders: (refresh) => this.leaders(topic, refresh),
        connect: (broker) => this.connect(topic, broker),
      },
      this.opened(this.identity),
    );
    this.senders.set(topic, sender);
    return sender;
  }

  private identify(): Promise<ProducerIdentity> {
    return translated(async () => {
      const { producerId, producerEpoch } = await this.opened(this.producer).initIdempotentProducer({});
      return { id: producerId, epoch: producerEpoch };
    });
  }

  private leaders(topic: string, refresh: boolean): Promise<readonly number[]> {
    return translated(async () => {
      const { topics } = await this.opened(this.producer).metadata({
        topics: [topic],
        metadataMaxAge: METADATA_AGE_MS,
        ...(refresh && { forceUpdate: true, retries: 0 }),
      });
      return (topics.get(topic)?.partitions ?? []).map(({ leader }) => leader);
    });
  }

  private connect(topic: string, broker: number): ReturnType<Cluster['connect']> {
    return translated(async () => {
      const connections = await this.opened(this.producer).connectToBrokers([broker]);
      const connection = connections.get(broker);
      if (connection === undefined) throw new KafkaError('broker', `Kafka: broker ${broker} is not known`);
      return (batches) => translated(() => produce(connection, topic, batches));
    });
  }

  private opened<T>(part: T | null): T {
    if (part === null) throw new KafkaError('broker', 'not connected to Kafka');
    return part;
  }
}

function baseOptions({ brokers, inFlight, tls, sasl }: KafkaClientConfig): BaseOptions {
  return {
    clientId: CLIENT_ID,
    bootstrapBrokers: [...brokers],
    retries: RETRIES,
    retryDelay: RETRY_DELAY_MS,
    timeout: TIMEOUT_MS,
    maxInflights: Math.max(5, inFlight),
    ...(tls !== undefined && { tls: tlsOptions(tls) }),
    ...(sasl !== undefined && {
      sasl: { mechanism: sasl.mechanism, username: sasl.username, password: readSecret(sasl.password) },
    }),
  };
}

/** An error of this library, of which others may be the cause. */
interface LibraryError extends Error {
  readonly apiId?: string;
  readonly errors?: readonly LibraryError[];
  readonly cause?: LibraryError;
}

/** An error and all that caused it. */
function chain(error: LibraryError | undefined): LibraryError[] {
  if (error === undefined) return [];
  return [error, ...(error.errors ?? []).flatMap(chain), ...chain(error.cause)];
}

function namesIn(error: unknown): string[] {
  return chain(error as LibraryError).flatMap(({ apiId, message }) => {
    // Of a topic that does not exist it tells in words of its own.
    if (message.startsWith('Unknown topic')) return ['UNKNOWN_TOPIC_OR_PARTITION'];
    return apiId === undefined ? [] : [apiId];
  });
}

function failureIn(error: unknown): KafkaError['failure'] {
  return (
    namesIn(error)
      .map(failureOf)
      .find((failure) => failure !== 'broker') ?? 'broker'
  );
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
