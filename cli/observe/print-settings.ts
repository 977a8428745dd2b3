import type { OutputFormat, PolicyNames } from '../../proto/flow/text/print-options.ts';
import { compileTimeFormat, type TimeFormat } from '../../proto/flow/text/time-text.ts';
import { type FlagUse, invalidValue, lastText, UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { parseBool, parseDurationMs } from '../../flags/parse-value.ts';

const formats: ReadonlyMap<string, OutputFormat> = new Map([
  ['compact', 'compact'],
  ['dict', 'dict'],
  ['table', 'table'],
  ['tab', 'table'],
  ['csv', 'csv'],
  ['json', 'json'],
  ['JSON', 'json'],
  ['jsonpb', 'json'],
]);

/** `HUBBLE_COMPAT=legacy-json-output`: `-o json` without envelopes. */
function wantsLegacyJson(env: NodeJS.ProcessEnv): boolean {
  const entries = (env['SLUICE_COMPAT'] || env['HUBBLE_COMPAT'] || '').split(',');
  return entries.some((entry) => entry.trim().toLowerCase() === 'legacy-json-output');
}

/** The output format. Throws UsageError for one that does not exist, or that cannot follow. */
export function outputFormat(
  uses: readonly FlagUse[],
  follow: boolean,
  env: NodeJS.ProcessEnv = process.env,
): OutputFormat {
  const text = lastText(uses, 'output') ?? 'compact';
  const format = formats.get(text);
  if (format === undefined) {
    const names = [...formats.keys()];
    throw invalidValue('-o, --output', text, 'compact, dict, table, csv or json', nearest(text, names));
  }
  if (format === 'table' && follow) {
    throw new UsageError(
      '--output table and --follow cannot be used together: a table is aligned at its end',
    );
  }
  const isJson = text === 'json' || text === 'JSON';
  return isJson && wantsLegacyJson(env) ? 'legacy-json' : format;
}

/** Whether to print in colour. */
export function wantsColour(
  uses: readonly FlagUse[],
  isTerminal: boolean,
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  switch ((lastText(uses, 'color') ?? 'auto').toLowerCase()) {
    case 'always':
      return true;
    case 'never':
      return false;
    default:
      return isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  }
}

/** Where policies are named: wherever a flow tells them, unless the flag of Hubble's asks for Hubble's way. */
export function policyNames(uses: readonly FlagUse[]): PolicyNames {
  const text = lastText(uses, 'print-policy-names');
  if (text === undefined) return 'always';
  return parseBool('--print-policy-names', text) ? 'verdicts' : 'never';
}

/** How times are printed. Throws UsageError for a time zone that does not exist. */
export function timeFormat(uses: readonly FlagUse[], format: OutputFormat): TimeFormat {
  const zone = lastText(uses, 'time-zone') ?? 'UTC';
  // Programs that read CSV know no Hubble times.
  const fallback = format === 'csv' ? 'RFC3339Nano' : 'StampMilli';
  try {
    return compileTimeFormat(lastText(uses, 'time-format') ?? fallback, zone);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidValue('--time-zone', zone, 'UTC, local or a name such as Europe/Zurich');
  }
}

/** Whether like lines in a row become one. Throws UsageError for formats that have no lines. */
export function wantsGroups(uses: readonly FlagUse[], format: OutputFormat): boolean {
  const isOn = parseBool('--group', lastText(uses, 'group') ?? 'false');
  if (isOn && format !== 'compact') {
    throw new UsageError(`--group needs --output compact: it puts like lines together`);
  }
  return isOn;
}

/** For how long losses are added up before they are told; 0 for each by itself, as always in JSON. */
export function lossIntervalMs(uses: readonly FlagUse[], format: OutputFormat, isWatched: boolean): number {
  const text = lastText(uses, 'loss-interval') ?? (isWatched ? '10s' : '0s');
  const ms = parseDurationMs('--loss-interval', text);
  if (ms < 0) throw invalidValue('--loss-interval', text, '0 or more');
  return format === 'json' || format === 'legacy-json' ? 0 : ms;
}
