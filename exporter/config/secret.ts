import { readFileSync, statSync } from 'node:fs';
import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';
import { checkFields } from '../../policy/manifest/policy-field.ts';
import type { SecretPlace } from './config.ts';

const MAX_SECRET_BYTES = 64 * 1024;

/** A secret: never its text, which would stand in a file that many may read, but where it stands. */
export function readSecretPlace(field: Field, report: ReportField): SecretPlace {
  if (typeof field.value !== 'object') {
    const path = formatPath(field.path);
    const what = field.value === undefined ? 'is missing' : 'is no place of a secret';
    report(field.path, `${path} ${what}: expected {file: PATH} or {env: NAME}`);
    return { env: '' };
  }
  checkFields(field, { known: ['file', 'env'] }, report);
  const file = field.get('file').string();
  const env = field.get('env').string();
  if ((file === undefined) === (env === undefined)) field.refuse('either {file: PATH} or {env: NAME}');
  return file === undefined ? { env: env ?? '' } : { file };
}

/** Reads a secret; a line break at its end is not part of it. Throws Error that names the place, never the secret. */
export function readSecret(place: SecretPlace): string {
  if ('env' in place) {
    const text = process.env[place.env];
    if (text === undefined || text === '')
      throw new Error(`environment variable ${place.env} is not set: expected a secret`);
    return text;
  }
  try {
    const { size } = statSync(place.file);
    if (size > MAX_SECRET_BYTES) throw new Error(`${size} bytes, expected at most ${MAX_SECRET_BYTES}`);
    return readFileSync(place.file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new Error(`cannot read secret ${place.file}: ${reason}`, { cause: error });
  }
}
