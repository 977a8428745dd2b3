import { join } from 'node:path';
import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping, isGiven } from '../../policy/manifest/policy-field.ts';
import type { SinkConfig, TargetConfig } from './config.ts';
import { readElasticsearchTarget } from './read-elasticsearch-target.ts';
import { readFileTarget } from './read-file-target.ts';
import { readKafkaTarget } from './read-kafka-target.ts';
import { checkFilters, readFieldMask, readFilters } from './read-filters.ts';

/** Kinds of sinks: the key under which one is configured, and who reads it. */
const targets: Readonly<Record<string, (field: Field, report: ReportField) => TargetConfig>> = {
  file: readFileTarget,
  stdout: (field, report) => {
    if (checkMapping(field)) checkFields(field, { known: [] }, report);
    return { kind: 'stdout' };
  },
  kafka: readKafkaTarget,
  elasticsearch: readElasticsearchTarget,
};
const targetNames = Object.keys(targets);

const NAME = /^[\w-]{1,63}$/;
const MAX_SAMPLE = 1_000_000;

/** One entry of `sinks`. `spoolDirectory` is where dead letters go unless they are told where. */
export function readSink(field: Field, spoolDirectory: string, report: ReportField): SinkConfig {
  const known = ['name', 'allowList', 'denyList', 'fieldMask', 'sampleOneIn', 'deadLetterFile'];
  if (checkMapping(field)) checkFields(field, { known: [...known, ...targetNames] }, report);
  const allowList = readFilters(field.get('allowList'), report);
  const denyList = readFilters(field.get('denyList'), report);
  checkFilters(field, allowList, denyList, report);
  const name = field.get('name').requiredString();
  if (name !== '' && !NAME.test(name)) {
    field.get('name').refuse('up to 63 letters, digits, - and _');
  }
  return {
    name,
    allowList,
    denyList,
    fieldMask: readFieldMask(field.get('fieldMask'), report),
    sampleOneIn: field.get('sampleOneIn').integer(1, MAX_SAMPLE) ?? 1,
    deadLetterFile:
      field.get('deadLetterFile').string() ?? join(spoolDirectory, `dead-letters-${name}.jsonl`),
    target: readTarget(field, report),
  };
}

function readTarget(sink: Field, report: ReportField): TargetConfig {
  const given = targetNames.filter((name) => isGiven(sink.get(name)));
  if (given.length !== 1) {
    const found = given.length === 0 ? 'no target' : `${given.length} targets (${given.join(', ')})`;
    report(
      sink.path,
      `${formatPath(sink.path)} has ${found}: expected exactly one of ${targetNames.join(', ')}`,
    );
    return { kind: 'stdout' };
  }
  return targets[given[0]](sink.get(given[0]), report);
}
