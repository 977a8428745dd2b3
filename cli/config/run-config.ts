import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isMap, parseDocument, stringify } from 'yaml';
import type { Invocation } from '../command.ts';
import { type FlagSpec, splitList, UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { checkValue, parseBool } from '../../flags/parse-value.ts';
import { serverFlags } from '../../flags/server-flags.ts';
import { Settings } from '../settings/settings.ts';

type SettingValue = boolean | string | readonly string[];

/** A setting's text as YAML shall hold it. */
function valueOf({ kind, name }: FlagSpec, text: string): SettingValue {
  if (kind === 'bool') return parseBool(name, text);
  return kind === 'list' ? splitList(text) : text;
}

/** The flag of a setting. Throws UsageError for a key that is none. */
function specOf(key: string): FlagSpec {
  const spec = serverFlags.find(({ name }) => name === key);
  if (spec !== undefined) return spec;
  const names = serverFlags.map(({ name }) => name);
  const guess = nearest(key, names);
  const hint = guess === undefined ? `There are: ${names.join(', ')}` : `Did you mean ${guess}?`;
  throw new UsageError(`unknown setting "${key}"\n${hint}`);
}

function currentValue(settings: Settings, spec: FlagSpec): SettingValue {
  if (spec.kind === 'list') return settings.list(spec.name);
  if (spec.name === 'config') return settings.configPath;
  return valueOf(spec, settings.text(spec.name) ?? '');
}

/** `sluice config view`: settings from all sources, by name. */
export async function viewConfig({ uses }: Invocation): Promise<number> {
  const settings = await Settings.load(uses);
  const specs = serverFlags.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const values = Object.fromEntries(specs.map((spec) => [spec.name, currentValue(settings, spec)]));
  process.stdout.write(
    stringify({ ...settings.extraLists(), ...values }, { sortMapEntries: true, lineWidth: 0 }),
  );
  return 0;
}

/** `sluice config get`. */
export async function getConfig(invocation: Invocation): Promise<number> {
  const [key] = invocation.positionals;
  if (key === undefined) return viewConfig(invocation);
  const settings = await Settings.load(invocation.uses);
  const extra = settings.extraLists()[key];
  process.stdout.write(stringify(extra ?? currentValue(settings, specOf(key)), { lineWidth: 0 }));
  return 0;
}

/** `sluice config set`. */
export async function setConfig({ uses, positionals }: Invocation): Promise<number> {
  const [key, text] = positionals;
  if (key === undefined)
    throw new UsageError('config set needs a KEY: see sluice config view for those that exist');
  writeSettings((await Settings.load(uses)).configPath, [[specOf(key), text]]);
  return 0;
}

/** `sluice config reset`. */
export async function resetConfig({ uses, positionals }: Invocation): Promise<number> {
  const [key] = positionals;
  // A file does not name itself.
  const specs = key === undefined ? serverFlags.filter(({ name }) => name !== 'config') : [specOf(key)];
  writeSettings(
    (await Settings.load(uses)).configPath,
    specs.map((spec) => [spec, undefined]),
  );
  return 0;
}

/** Changes settings in a config file and keeps everything else in it, comments too. Throws UsageError for a value that is none, Error for a file that is no YAML map. */
function writeSettings(path: string, changes: readonly (readonly [FlagSpec, string | undefined])[]): void {
  const document = parseDocument(readText(path));
  const [error] = document.errors;
  const isSettings = document.contents === null || isMap(document.contents);
  if (error !== undefined || !isSettings) {
    throw new Error(`${path} is not changed: ${error?.message ?? 'expected a map of settings'}`);
  }
  for (const [spec, given] of changes) {
    const text = given ?? spec.default ?? '';
    if (given !== undefined) checkValue(spec.kind, spec.name, given);
    document.set(spec.name, valueOf(spec, text));
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  // It may hold a password.
  writeFileSync(path, document.toString({ lineWidth: 0 }), { mode: 0o600 });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
