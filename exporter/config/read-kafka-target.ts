import type { Field, ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping, isGiven } from '../../policy/manifest/policy-field.ts';
import { KAFKA_CLIENTS, KAFKA_COMPRESSIONS, KAFKA_FORMATS, KAFKA_KEYS, type KafkaConfig } from './config.ts';
import { readChoice } from './quantity.ts';
import { readKafkaServers } from './read-kafka-servers.ts';

const KNOWN = 'brokers topic client key format compression inFlight createTopic tls sasl'.split(' ');
/** The mapping `kafka` of a sink. */
export function readKafkaTarget(field: Field, report: ReportField): KafkaConfig {
  if (checkMapping(field)) checkFields(field, { known: KNOWN }, report);
  const client = readChoice(field.get('client'), KAFKA_CLIENTS, 'platformatic');
  const compression = readChoice(field.get('compression'), KAFKA_COMPRESSIONS, 'lz4');
  const createTopic = readCreateTopic(field.get('createTopic'), report);
  return {
    kind: 'kafka',
    ...readKafkaServers(field, report),
    client,
    key: readChoice(field.get('key'), KAFKA_KEYS, 'workloads'),
    format: readChoice(field.get('format'), KAFKA_FORMATS, 'protobuf'),
    compression,
    inFlight: field.get('inFlight').integer(1, 16) ?? 4,
    ...(createTopic !== undefined && { createTopic }),
  };
}

function readCreateTopic(field: Field, report: ReportField): KafkaConfig['createTopic'] {
  if (!isGiven(field)) return undefined;
  if (checkMapping(field)) checkFields(field, { known: ['partitions', 'replicationFactor'] }, report);
  return {
    partitions: field.get('partitions').integer(1, 10_000) ?? 12,
    replicationFactor: field.get('replicationFactor').integer(1, 100) ?? 1,
  };
}
