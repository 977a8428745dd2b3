import { describeValue, Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { type FieldPath, readManifestText } from '../../cluster/manifest/text.ts';
import { checkFields } from '../../policy/manifest/policy-field.ts';
import type { Address } from '../../rpc/index.ts';
import { type ExportConfig, FULL_POLICIES, type SinkConfig, type SpoolConfig } from './config.ts';
import { MAX_RECORD_BYTES } from '../spool/record.ts';
import { readBytes, readChoice, readDurationMs } from './quantity.ts';
import { readSink } from './read-sink.ts';
import { readAddress, readSource } from './read-source.ts';

/** Longest configuration text that is read, in UTF-16 code units. */
export const MAX_CONFIG_LENGTH = 1024 * 1024;

/** What is wrong in a configuration, and where. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** Begins with the field's path. */
  readonly message: string;
}

/** A configuration without a fault, or everything that is wrong with it, in the order of the text. */
export type ParsedConfig =
  | { readonly config: ExportConfig; readonly problems: readonly [] }
  | { readonly config: null; readonly problems: readonly ConfigProblem[] };

const DEFAULT_METRICS: Address = { kind: 'tcp', host: '127.0.0.1', port: 9965, tls: false };
/** Twice the longest record, so that there is always room for one. */
const MIN_SPOOL_BYTES = 2 * MAX_RECORD_BYTES;
const MAX_SPOOL_BYTES = 2 ** 44;
const MAX_SINKS = 64;

/** Reads a configuration: one YAML document, or JSON. Never throws; a field that is not known is a problem, too. */
export function parseConfig(text: string): ParsedConfig {
  const failed = (message: string, line = 1, column = 1): ParsedConfig => ({
    config: null,
    problems: [{ line, column, message }],
  });
  if (text.length > MAX_CONFIG_LENGTH) {
    return failed(`has ${text.length} characters: expected at most ${MAX_CONFIG_LENGTH}`);
  }
  const source = readManifestText(text);
  if ('error' in source) {
    const { position, message } = source.error;
    return failed(message, position.line, position.column);
  }
  const [document, another] = source.documents;
  if (document === undefined) return failed('is empty: expected a mapping with source, spool and sinks');
  if (another !== undefined) {
    const { line, column } = another.locate([]);
    return failed('is a further document: expected one', line, column);
  }
  const problems: ConfigProblem[] = [];
  const report: ReportField = (path: FieldPath, message) => {
    // What is no mapping is reported by everyone who looks for a field in it.
    if (!problems.some((problem) => problem.message === message))
      problems.push({ ...document.locate(path), message });
  };
  const config = readDocument(new Field(document.value, [], report), report);
  if (problems.length === 0) return { config, problems: [] };
  return { config: null, problems: problems.sort((a, b) => a.line - b.line || a.column - b.column) };
}

function readDocument(root: Field, report: ReportField): ExportConfig {
  if (typeof root.value !== 'object' || Array.isArray(root.value)) {
    root.refuse('a mapping with source, spool and sinks');
  } else {
    checkFields(root, { known: ['source', 'spool', 'metrics', 'sinks'] }, report);
    for (const name of ['source', 'spool', 'sinks']) requireField(root.get(name), report);
  }
  const spool = readSpool(root.get('spool'), report);
  const sinkFields = root.get('sinks').items();
  if (sinkFields.length > MAX_SINKS) root.get('sinks').refuse(`at most ${MAX_SINKS} sinks`);
  const sinks = sinkFields.slice(0, MAX_SINKS).map((field) => readSink(field, spool.directory, report));
  checkSinks(root.get('sinks'), sinks, report);
  return {
    source: readSource(root.get('source'), report),
    spool,
    metrics: readMetrics(root.get('metrics'), report),
    sinks,
  };
}

function requireField(field: Field, report: ReportField): void {
  const isEmptyList = Array.isArray(field.value) && field.value.length === 0;
  if (field.value === undefined || isEmptyList) {
    report(
      field.path,
      `${formatPath(field.path)} is ${isEmptyList ? 'empty' : 'missing'}: expected ${fieldWords[String(field.path[0])]}`,
    );
  }
}

const fieldWords: Readonly<Record<string, string>> = {
  source: 'a mapping with the address of a relay or agent',
  spool: 'a mapping with the directory in which flows wait',
  sinks: 'a list of one sink or more',
};

function readSpool(field: Field, report: ReportField): SpoolConfig {
  checkFields(field, { known: ['directory', 'maxBytes', 'whenFull', 'sync'] }, report);
  return {
    directory: field.value === undefined ? '' : field.get('directory').requiredString(),
    maxBytes: readBytes(field.get('maxBytes'), 1024 ** 3, MIN_SPOOL_BYTES, MAX_SPOOL_BYTES),
    whenFull: readChoice(field.get('whenFull'), FULL_POLICIES, 'stop'),
    syncMs: readDurationMs(field.get('sync'), 1000, 0, 60_000),
  };
}

function readMetrics(field: Field, report: ReportField): Address | null {
  checkFields(field, { known: ['listen'] }, report);
  const listen = field.get('listen');
  if (listen.value === undefined) return DEFAULT_METRICS;
  if (listen.value === 'none') return null;
  return readAddress(listen, report);
}

/** Names have to differ, and two sinks must not write the same file. */
function checkSinks(list: Field, sinks: readonly SinkConfig[], report: ReportField): void {
  const firstWith = new Map<string, number>();
  for (const [i, { name, target }] of sinks.entries()) {
    const claims = [`name ${describeValue(name)}`];
    if (target.kind === 'file') claims.push(`file ${describeValue(target.path)}`);
    if (target.kind === 'stdout') claims.push('stdout');
    for (const claim of claims) {
      const first = firstWith.get(claim);
      const path = [...list.path, i];
      if (first === undefined) firstWith.set(claim, i);
      else if (name !== '') {
        report(path, `${formatPath(path)} has ${claim}, as ${formatPath([...list.path, first])} has`);
      }
    }
  }
}
