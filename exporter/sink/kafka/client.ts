import type { KafkaConfig } from '../../config/config.ts';
import { SinkError } from '../sink.ts';
import type { KafkaRecords } from './records.ts';

/** What a client needs to know of a cluster. */
export type KafkaClientConfig = Pick<KafkaConfig, 'brokers' | 'compression' | 'inFlight' | 'tls' | 'sasl'>;

/**
 * What an exporter needs of a Kafka client library. Whatever is thrown is a KafkaError. A producer is idempotent: what the client tries again by itself is stored once; a `send` that is called again
 * after it has failed may store records twice.
 */
export interface KafkaClient {
  /** Connects to the cluster, with secrets as they are now. */
  open(): Promise<void>;
  /** How many partitions of a topic can be written to, having a leader; 0 when there is no such topic. */
  partitionsOf(topic: string): Promise<number>;
  /** Makes a topic; not an error when it is there already. */
  createTopic(topic: string, partitions: number, replicationFactor: number): Promise<void>;
  /** Resolves once every in-sync replica has all records. @param onRetry told of a failure that the client tries again by itself */
  send(topic: string, records: KafkaRecords, onRetry: (error: KafkaError) => void): Promise<void>;
  /** Never throws. */
  close(): Promise<void>;
}

/**
 * `producer_reset`: the cluster lost track of the producer's sequence, or the client did: it has to be opened anew;
 * `topic_missing`, `too_large`: one record at least is larger than the topic takes, `denied`: not logged in or not allowed, `broker`: anything else, which may pass.
 */
export type KafkaFailure = 'producer_reset' | 'topic_missing' | 'too_large' | 'denied' | 'broker';

export class KafkaError extends SinkError<KafkaFailure> {}

/** Names of errors of the protocol (org.apache.kafka.common.protocol.Errors) that ask for more than a further try. */
const failures: Readonly<Record<string, KafkaFailure>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'topic_missing',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'producer_reset',
  DUPLICATE_SEQUENCE_NUMBER: 'producer_reset',
  UNKNOWN_PRODUCER_ID: 'producer_reset',
  INVALID_PRODUCER_ID_MAPPING: 'producer_reset',
  INVALID_PRODUCER_EPOCH: 'producer_reset',
  PRODUCER_FENCED: 'producer_reset',
  MESSAGE_TOO_LARGE: 'too_large',
  RECORD_LIST_TOO_LARGE: 'too_large',
  TOPIC_AUTHORIZATION_FAILED: 'denied',
  CLUSTER_AUTHORIZATION_FAILED: 'denied',
  SASL_AUTHENTICATION_FAILED: 'denied',
  UNSUPPORTED_SASL_MECHANISM: 'denied',
  ILLEGAL_SASL_STATE: 'denied',
};

/** What an error of the protocol means, by its name. */
export function failureOf(name: string | undefined): KafkaFailure {
  return (name !== undefined && Object.hasOwn(failures, name) ? failures[name] : undefined) ?? 'broker';
}
