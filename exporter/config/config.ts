import type { FlowFilter } from '../../proto/gen/flow/flow_pb.ts';
import type { Address, ClientTls } from '../../rpc/index.ts';

/** A configuration file, checked. Every default stands here; `parseConfig` fills them in. */
export interface ExportConfig {
  readonly source: SourceConfig;
  readonly spool: SpoolConfig;
  /** Where metrics and status are served; null = nowhere. Default `127.0.0.1:9965`. */
  readonly metrics: Address | null;
  /** At least one, each with a name of its own. */
  readonly sinks: readonly SinkConfig[];
}

/** Where flows come from. */
export type SourceConfig = RelaySourceConfig | KafkaSourceConfig;

/** A topic that is read as a member of a consumer group. */
export interface KafkaSourceConfig extends Pick<KafkaConfig, 'brokers' | 'topic' | 'tls' | 'sasl'> {
  readonly kind: 'kafka';
  /** Whose members share the partitions, and the position. Default `sluice-export`. */
  readonly group: string;
  /** Where a group begins that has no position yet. */
  readonly start: 'now' | 'oldest';
}

/** The relay or agent that is followed. */
export interface RelaySourceConfig {
  readonly kind: 'relay';
  readonly address: Address;
  readonly tls?: ClientTls;
  /** Where the very first start begins: `now` (default), or `oldest`, with everything the source still has. Later starts go on from the spool. */
  readonly start: 'now' | 'oldest';
  /** How far before the newest flow in the spool a resumed stream begins, so that flows which came late are not missed; what is there already is left out. 0 to 10 min, default 10 s. */
  readonly overlapMs: number;
}

/** What happens to flows that come while the spool is full: what waits longest is given up, what comes is, or the source is held back (and tells what it has to drop). */
export const FULL_POLICIES = ['stop', 'drop-oldest', 'drop-newest'] as const;
export type FullPolicy = (typeof FULL_POLICIES)[number];

/** Where flows wait until every sink has acknowledged them. */
export interface SpoolConfig {
  readonly directory: string;
  /** Bytes of all segments together, at least 32 MiB. Default 1 GiB. */
  readonly maxBytes: number;
  /** Default `stop`. */
  readonly whenFull: FullPolicy;
  /**
   * How long data may wait for fsync, in ms; 0 = each record is synced before the next. Default 1 s. Death of the process loses nothing in any case; a power
   * failure loses at most this much from the disk, and the next start fetches it again from the source, if that still has it.
   */
  readonly syncMs: number;
}

/** What a sink gets, and how. */
export interface SinkConfig {
  /** Names positions, metrics and dead letters: letters, digits, `-`, `_`. */
  readonly name: string;
  /** Flows that one of these matches; all when empty. */
  readonly allowList: readonly FlowFilter[];
  /** But none that one of these matches. */
  readonly denyList: readonly FlowFilter[];
  /** Fields of a flow that are kept, as paths; all when empty. */
  readonly fieldMask: readonly string[];
  /** One in so many flows is taken: the same ones at every replay, since the flow's id decides. Default 1, all. */
  readonly sampleOneIn: number;
  /** File to which messages go that the store will never take, with the reason. Default `<spool directory>/dead-letters-<name>.jsonl`. */
  readonly deadLetterFile: string;
  readonly target: TargetConfig;
}

export type TargetConfig = FileConfig | StdoutConfig | KafkaConfig | ElasticsearchConfig;

export const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** JSON lines in a file, as Hubble's exporter writes them. */
export interface FileConfig {
  readonly kind: 'file';
  readonly path: string;
  /** A file that would grow beyond is rotated. Default 10 MiB, as in Hubble. */
  readonly maxBytes: number;
  /** A file older than this is rotated; 0 = never. Default 0. */
  readonly maxAgeMs: number;
  /** Rotated files that are kept, the newest; 0 = all. Default 5, as in Hubble. */
  readonly maxBackups: number;
  /** Of rotated files. Default none. */
  readonly compress: Compression;
  /** Wait for the disk (fdatasync) before flows count as delivered. Default false: a power failure may take what the kernel had not written yet. */
  readonly sync: boolean;
}

/** The same lines on stdout. */
export interface StdoutConfig {
  readonly kind: 'stdout';
}

export const KAFKA_CLIENTS = ['platformatic', 'kafkajs'] as const;
export const KAFKA_KEYS = ['workloads', 'node', 'none'] as const;
export const KAFKA_FORMATS = ['protobuf', 'json'] as const;
export const KAFKA_COMPRESSIONS = ['none', 'gzip', 'lz4', 'zstd'] as const;
export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** Records in a Kafka topic. */
export interface KafkaConfig {
  readonly kind: 'kafka';
  /** Where the cluster is asked for its brokers, as `host:port`. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** The client library. Default `platformatic`, which produces at half the CPU of the other. */
  readonly client: (typeof KAFKA_CLIENTS)[number];
  /** What decides on the partition: the pair of workloads (default; both directions of a conversation in one), the node, or nothing. */
  readonly key: (typeof KAFKA_KEYS)[number];
  /** Default `protobuf`: the bytes as they came, a GetFlowsResponse. */
  readonly format: (typeof KAFKA_FORMATS)[number];
  /** Default `lz4`. */
  readonly compression: (typeof KAFKA_COMPRESSIONS)[number];
  /** Batches that may be under way at once, 1 to 16. Default 4. With 1 the order of a conversation holds through failures, too. */
  readonly inFlight: number;
  /** Create the topic when it is missing; absent = wait until someone else has. */
  readonly createTopic?: { readonly partitions: number; readonly replicationFactor: number };
  /** Absent = plaintext. */
  readonly tls?: ClientTls;
  readonly sasl?: {
    readonly mechanism: (typeof SASL_MECHANISMS)[number];
    readonly username: string;
    readonly password: SecretPlace;
  };
}

export const ELASTICSEARCH_STREAMS = ['flows', 'edges'] as const;
export const ELASTICSEARCH_COMPRESSIONS = ['none', 'gzip'] as const;

/** How to reach an Elasticsearch cluster. */
export interface ElasticsearchServers {
  /** Addresses of nodes, such as `https://localhost:9200`: they take turns, and stand in for one that is away. */
  readonly nodes: readonly string[];
  /** Absent = without a name, for a cluster without security. */
  readonly auth?:
    | { readonly kind: 'apiKey'; readonly apiKey: SecretPlace }
    | { readonly kind: 'basic'; readonly username: string; readonly password: SecretPlace };
  /** For https: CA files instead of the system's, a client certificate. */
  readonly tls?: ClientTls;
}

/** Documents in a data stream of Elasticsearch. */
export interface ElasticsearchConfig extends ElasticsearchServers {
  readonly kind: 'elasticsearch';
  /** What is written: a document for each flow (default), or counts of the flows from workload to workload, by the minute. */
  readonly stream: (typeof ELASTICSEARCH_STREAMS)[number];
  /** Last part of the data stream's name, `logs-sluice.flows-NAMESPACE`: tells fleets that share a cluster. Default `default`. */
  readonly namespace: string;
  /** Of requests. Default none; gzip takes about as much CPU again, and a sixth of the bytes: for a cluster that is far. */
  readonly compression: (typeof ELASTICSEARCH_COMPRESSIONS)[number];
  /** Requests that may be under way at once, 1 to 16. Default 2. */
  readonly inFlight: number;
}

/** Where a secret stands; it is read when it is needed, so that it may change. */
export type SecretPlace = { readonly file: string } | { readonly env: string };
