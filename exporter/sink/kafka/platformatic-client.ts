import { Admin, type BaseOptions, compatibilityPartitioner, Producer } from '@platformatic/kafka';
import { readSecret } from '../../config/secret.ts';
import {
  type KafkaClient,
  type KafkaClientConfig,
  KafkaError,
  type KafkaRecord,
  failureOf,
} from './client.ts';
import { tlsOptions } from './tls-options.ts';

const CLIENT_ID = 'sluice-export';
/** Enough for a change of leaders; a longer absence of the broker is for the caller to bridge. */
const RETRIES = 5;
const RETRY_DELAY_MS = 500;
const TIMEOUT_MS = 30_000;

/** @platformatic/kafka behind the interface. */
export class PlatformaticClient implements KafkaClient {
  private readonly config: KafkaClientConfig;
  private producer: Producer | null = null;
  private admin: Admin | null = null;
  private readonly headers = new WeakMap<KafkaRecord['headers'], Map<Buffer, Buffer>>();
  /** For records without a key. */
  private turn = 0;

  constructor(config: KafkaClientConfig) {
    this.config = config;
  }

  async open(): Promise<void> {
    await this.close();
    await translated(async () => {
      const options = baseOptions(this.config);
      this.admin = new Admin(options);
      this.producer = new Producer({
        ...options,
        idempotent: true,
        acks: -1,
        compression: this.config.compression,
        autocreateTopics: false,
        serializers: { key: asIs, value: asIs, headerKey: asIs, headerValue: asIs },
        partitioner: (message, key) =>
          key === undefined ? this.turn++ & 0x7fffffff : compatibilityPartitioner(message, key),
      });
      // A broker that is away is told here and now.
      await this.producer.initIdempotentProducer({});
    });
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

  send(topic: string, records: readonly KafkaRecord[]): Promise<void> {
    return translated(async () => {
      const messages = records.map(({ key, value, headers }) => ({
        topic,
        value,
        headers: this.headerBytes(headers),
        ...(key !== null && { key }),
      }));
      await this.opened(this.producer).send({ messages });
    });
  }

  async close(): Promise<void> {
    const { producer, admin } = this;
    this.producer = null;
    this.admin = null;
    // What is closed twice, or was never connected, is closed.
    await (producer?.close(true) ?? Promise.resolve()).catch(() => {});
    await (admin?.close() ?? Promise.resolve()).catch(() => {});
  }

  /** Headers as they are written. Few are distinct, and records share them. */
  private headerBytes(headers: KafkaRecord['headers']): Map<Buffer, Buffer> {
    const known = this.headers.get(headers);
    if (known !== undefined) return known;
    const bytes = new Map(
      Object.entries(headers).map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const),
    );
    this.headers.set(headers, bytes);
    return bytes;
  }

  private opened<T>(part: T | null): T {
    if (part === null) throw new KafkaError('broker', 'not connected to Kafka');
    return part;
  }
}

const asIs = (data?: Buffer): Buffer | undefined => data;

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
