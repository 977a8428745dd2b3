import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping, isGiven } from '../../policy/manifest/policy-field.ts';
import { type KafkaConfig, SASL_MECHANISMS } from './config.ts';
import { readChoice } from './quantity.ts';
import { readTls } from './read-tls.ts';
import { readSecretPlace } from './secret.ts';

/** Legal names of topics (Kafka's org.apache.kafka.common.internals.Topic). */
const TOPIC = /^(?!\.{1,2}$)[\w.-]{1,249}$/;
const BROKER = /^[^\s:/]+:\d{1,5}$|^\[[\da-fA-F:]+\]:\d{1,5}$/;
const MAX_BROKERS = 100;

/** A topic, and how to reach the cluster that has it. */
export function readKafkaServers(
  field: Field,
  report: ReportField,
): Pick<KafkaConfig, 'brokers' | 'topic' | 'tls' | 'sasl'> {
  const tls = readTls(field.get('tls'), report);
  const sasl = readSasl(field.get('sasl'), report);
  return {
    brokers: readBrokers(field.get('brokers'), report),
    topic: readTopic(field.get('topic')),
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

function readSasl(field: Field, report: ReportField): KafkaConfig['sasl'] {
  if (!isGiven(field)) return undefined;
  if (checkMapping(field)) checkFields(field, { known: ['mechanism', 'username', 'password'] }, report);
  return {
    mechanism: readChoice(field.get('mechanism'), SASL_MECHANISMS, 'SCRAM-SHA-512'),
    username: field.get('username').requiredString(),
    password: readSecretPlace(field.get('password'), report),
  };
}
