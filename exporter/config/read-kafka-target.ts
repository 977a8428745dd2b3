import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping, isGiven } from '../../policy/manifest/policy-field.ts';
import {
  KAFKA_CLIENTS,
  KAFKA_COMPRESSIONS,
  KAFKA_FORMATS,
  KAFKA_KEYS,
  type KafkaConfig,
  SASL_MECHANISMS,
} from './config.ts';
import { readChoice } from './quantity.ts';
import { readTls } from './read-source.ts';
import { readSecretPlace } from './secret.ts';

const KNOWN = 'brokers topic client key format compression inFlight createTopic tls sasl'.split(' ');
/** Legal names of topics (Kafka's org.apache.kafka.common.internals.Topic). */
const TOPIC = /^(?!\.{1,2}$)[\w.-]{1,249}$/;
const BROKER = /^[^\s:/]+:\d{1,5}$|^\[[\da-fA-F:]+\]:\d{1,5}$/;
const MAX_BROKERS = 100;

/** The mapping `kafka` of a sink. */
export function readKafkaTarget(field: Field, report: ReportField): KafkaConfig {
  if (checkMapping(field)) checkFields(field, { known: KNOWN }, report);
  const client = readChoice(field.get('client'), KAFKA_CLIENTS, 'platformatic');
  const fallback = client === 'kafkajs' ? 'zstd' : 'lz4';
  const compression = readChoice(field.get('compression'), KAFKA_COMPRESSIONS, fallback);
  if (client === 'kafkajs' && compression === 'lz4') {
    report(
      [...field.path, 'compression'],
      `${formatPath(field.path)}.compression is "lz4", which kafkajs has not: expected none, gzip or zstd`,
    );
  }
  const createTopic = readCreateTopic(field.get('createTopic'), report);
  const tls = readTls(field.get('tls'), report);
  const sasl = readSasl(field.get('sasl'), report);
  return {
    kind: 'kafka',
    brokers: readBrokers(field.get('brokers'), report),
    topic: readTopic(field.get('topic')),
    client,
    key: readChoice(field.get('key'), KAFKA_KEYS, 'workloads'),
    format: readChoice(field.get('format'), KAFKA_FORMATS, 'protobuf'),
    compression,
    inFlight: field.get('inFlight').integer(1, 16) ?? 4,
    ...(createTopic !== undefined && { createTopic }),
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl }),
  };
}

function readBrokers(list: Field, report: ReportField): string[] {
  const items = list.items();
  if (items.length === 0 || items.length > MAX_BROKERS) {
    report(
      list.path,
      `${formatPath(list.path)} has ${items.length} entries: expected 1 to ${MAX_BROKERS}, as host:port`,
    );
  }
  return items.map((item) => {
    const text = item.requiredString();
    if (text !== '' && !BROKER.test(text)) item.refuse('a broker as host:port');
    return text;
  });
}

function readTopic(field: Field): string {
  const topic = field.requiredString();
  if (topic !== '' && !TOPIC.test(topic)) field.refuse('up to 249 letters, digits, dots, - and _');
  return topic;
}

function readCreateTopic(field: Field, report: ReportField): KafkaConfig['createTopic'] {
  if (!isGiven(field)) return undefined;
  if (checkMapping(field)) checkFields(field, { known: ['partitions', 'replicationFactor'] }, report);
  return {
    partitions: field.get('partitions').integer(1, 10_000) ?? 12,
    replicationFactor: field.get('replicationFactor').integer(1, 100) ?? 1,
  };
}

function readSasl(field: Field, report: ReportField): KafkaConfig['sasl'] {
  if (!isGiven(field)) return undefined;
  if (checkMapping(field)) checkFields(field, { known: ['mechanism', 'username', 'password'] }, report);
  return {
    mechanism: readChoice(field.get('mechanism'), SASL_MECHANISMS, 'SCRAM-SHA-512'),
    username: field.get('username').requiredString(),
    password: readSecretPlace(field.get('password'), report),
  };
}
