import type { Field, ReportField } from '../../cluster/manifest/field.ts';
import { checkFields, checkMapping } from '../../policy/manifest/policy-field.ts';
import { COMPRESSIONS, type FileConfig } from './config.ts';
import { readBytes, readChoice, readDurationMs } from './quantity.ts';

const KNOWN = ['path', 'maxBytes', 'maxAge', 'maxBackups', 'compress', 'sync'];
const DEFAULT_BYTES = 10 * 1024 ** 2;
const MIN_BYTES = 4096;
const MAX_BYTES = 2 ** 40;
const YEAR_MS = 365 * 24 * 3_600_000;

/** The mapping `file` of a sink. */
export function readFileTarget(field: Field, report: ReportField): FileConfig {
  if (checkMapping(field)) checkFields(field, { known: KNOWN }, report);
  return {
    kind: 'file',
    path: field.get('path').requiredString(),
    maxBytes: readBytes(field.get('maxBytes'), DEFAULT_BYTES, MIN_BYTES, MAX_BYTES),
    maxAgeMs: readDurationMs(field.get('maxAge'), 0, 0, YEAR_MS),
    maxBackups: field.get('maxBackups').integer(0, 100_000) ?? 5,
    compress: readChoice(field.get('compress'), COMPRESSIONS, 'none'),
    sync: field.get('sync').boolean() ?? false,
  };
}
