import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping } from '../../policy/manifest/policy-field.ts';
import { type Address, parseAddress } from '../../rpc/index.ts';
import type { KafkaSourceConfig, RelaySourceConfig, SourceConfig } from './config.ts';
import { readChoice, readDurationMs } from './quantity.ts';
import { readKafkaServers } from './read-kafka-servers.ts';
import { readTls } from './read-tls.ts';

const NO_ADDRESS: Address = { kind: 'tcp', host: '', port: 0, tls: false };
const MAX_OVERLAP_MS = 600_000;

/** An address as commands take it; reports what is none. */
export function readAddress(field: Field, report: ReportField): Address {
  const text = field.requiredString();
  if (text === '') return NO_ADDRESS;
  try {
    return parseAddress(text);
  } catch (error) {
    report(field.path, `${formatPath(field.path)}: ${(error as Error).message}`);
    return NO_ADDRESS;
  }
}

/** The mapping `source`. */
export function readSource(field: Field, report: ReportField): SourceConfig {
  if (field.get('kafka').value === undefined) return readRelaySource(field, report);
  checkFields(field, { known: ['kafka', 'start'] }, report);
  return readKafkaSource(field, report);
}

function readKafkaSource(field: Field, report: ReportField): KafkaSourceConfig {
  const kafka = field.get('kafka');
  if (checkMapping(kafka)) {
    checkFields(kafka, { known: ['brokers', 'topic', 'group', 'tls', 'sasl'] }, report);
  }
  return {
    kind: 'kafka',
    ...readKafkaServers(kafka, report),
    group: kafka.get('group').string() ?? 'sluice-export',
    start: readChoice(field.get('start'), ['now', 'oldest'] as const, 'now'),
  };
}

function readRelaySource(field: Field, report: ReportField): RelaySourceConfig {
  checkFields(field, { known: ['address', 'tls', 'start', 'overlap'] }, report);
  const tls = readTls(field.get('tls'), report);
  return {
    kind: 'relay',
    address: field.value === undefined ? NO_ADDRESS : readAddress(field.get('address'), report),
    ...(tls !== undefined && { tls: { ...tls, minVersion: 'TLSv1.3' as const } }),
    start: readChoice(field.get('start'), ['now', 'oldest'] as const, 'now'),
    overlapMs: readDurationMs(field.get('overlap'), 10_000, 0, MAX_OVERLAP_MS),
  };
}
