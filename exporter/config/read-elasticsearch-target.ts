import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping, isGiven } from '../../policy/manifest/policy-field.ts';
import {
  ELASTICSEARCH_COMPRESSIONS,
  ELASTICSEARCH_STREAMS,
  type ElasticsearchConfig,
  type ElasticsearchServers,
} from './config.ts';
import { readChoice } from './quantity.ts';
import { readTls } from './read-tls.ts';
import { readSecretPlace } from './secret.ts';

const KNOWN = 'nodes stream namespace compression inFlight apiKey basic tls'.split(' ');
/** The last part of a data stream's name: no capitals, no hyphens, and none of the characters that Elasticsearch refuses. */
const NAMESPACE = /^[a-z0-9][a-z0-9_.]{0,99}$/;
const MAX_NODES = 100;

/** The mapping `elasticsearch` of a sink. */
export function readElasticsearchTarget(field: Field, report: ReportField): ElasticsearchConfig {
  if (checkMapping(field)) checkFields(field, { known: KNOWN }, report);
  const tls = readTls(field.get('tls'), report);
  const auth = readAuth(field, report);
  return {
    kind: 'elasticsearch',
    nodes: readNodes(field.get('nodes'), report),
    stream: readChoice(field.get('stream'), ELASTICSEARCH_STREAMS, 'flows'),
    namespace: readNamespace(field.get('namespace')),
    compression: readChoice(field.get('compression'), ELASTICSEARCH_COMPRESSIONS, 'none'),
    inFlight: field.get('inFlight').integer(1, 16) ?? 2,
    ...(auth !== undefined && { auth }),
    ...(tls !== undefined && { tls }),
  };
}

function readNodes(list: Field, report: ReportField): string[] {
  const items = list.items();
  if (items.length === 0 || items.length > MAX_NODES) {
    report(
      list.path,
      `${formatPath(list.path)} has ${items.length} entries: expected 1 to ${MAX_NODES}, such as https://localhost:9200`,
    );
  }
  return items.map((item) => {
    const text = item.requiredString();
    if (text !== '' && !isNodeUrl(text)) {
      item.refuse('an address such as https://localhost:9200, without user, query or fragment');
    }
    return text;
  });
}

/** Whether a text is the address of a server: a password in it would stand in every message that names it. */
export function isNodeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username + password + search + hash === '';
}

function readNamespace(field: Field): string {
  const name = field.string() ?? 'default';
  if (!NAMESPACE.test(name)) field.refuse('up to 100 lower case letters, digits, dots and _');
  return name;
}

function readAuth(field: Field, report: ReportField): ElasticsearchServers['auth'] {
  const [apiKey, basic] = [field.get('apiKey'), field.get('basic')];
  if (isGiven(apiKey) && isGiven(basic)) {
    report(field.path, `${formatPath(field.path)} has apiKey and basic: expected one of them, or none`);
  }
  if (isGiven(apiKey)) return { kind: 'apiKey', apiKey: readSecretPlace(apiKey, report) };
  if (!isGiven(basic)) return undefined;
  if (checkMapping(basic)) checkFields(basic, { known: ['username', 'password'] }, report);
  return {
    kind: 'basic',
    username: basic.get('username').requiredString(),
    password: readSecretPlace(basic.get('password'), report),
  };
}
