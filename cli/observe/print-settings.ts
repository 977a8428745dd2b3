import type { OutputFormat } from '../../proto/flow/text/print-options.ts';
import { type FlagUse, invalidValue, lastText, UsageError } from '../flags/flag-spec.ts';
import { nearest } from '../flags/nearest.ts';

const formats: ReadonlyMap<string, OutputFormat> = new Map([
  ['compact', 'compact'],
  ['dict', 'dict'],
  ['table', 'table'],
  ['tab', 'table'],
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
    throw invalidValue('-o, --output', text, 'compact, dict, table or json', nearest(text, names));
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
