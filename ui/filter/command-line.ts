import { allTexts, type FlagSpec, type FlagUse, lastText } from '../../flags/flag-spec.ts';
import { aggregateFlags } from '../../flags/observe/aggregate-flags.ts';
import { filterFlags, rawFilterFlags } from '../../flags/observe/filter-flags.ts';
import { flowPrintFlags, printFlags } from '../../flags/observe/format-flags.ts';
import { selectionFlags } from '../../flags/observe/selection-flags.ts';
import { parseTimeInput } from '../../flags/observe/time-input.ts';
import { parseFlags } from '../../flags/parse-flags.ts';
import { serverFlags } from '../../flags/server-flags.ts';
import {
  asFilterErrors,
  buildFilters,
  FilterError,
  type FilterWord,
  parseFilterWords,
  wordsOf,
} from './filter-words.ts';
import { cutWords } from './shell-words.ts';

/** What a person typed or pasted. */
export interface TypedFilters {
  readonly words: readonly FilterWord[];
  /** A stretch of history that is asked for, in milliseconds; null = live; absent = nothing is said of it. */
  readonly at?: { readonly sinceMs: number; readonly untilMs: number } | null;
  /** How far back a live view is to go. */
  readonly windowMs?: number;
  /** Flags that mean nothing here, such as `--output`. */
  readonly leftOut: readonly string[];
}

const command = /^\s*(?:\$\s+)?(?:\S*\/)?(?:sluice|hubble)\s+/;
const MAX_TEXT = 65_536;
const observeFlags: readonly FlagSpec[] = [
  ...selectionFlags,
  ...printFlags,
  ...flowPrintFlags,
  ...aggregateFlags,
  ...filterFlags,
  ...rawFilterFlags,
  ...serverFlags,
];

/** Whether a text is a command for flows, or means to be. */
export function isCommandLine(text: string): boolean {
  return command.test(text);
}

/** Reads filters, or a whole `sluice observe …` or `hubble observe …` line. Throws FilterError. */
export function parseTyped(text: string, nowMs: number): TypedFilters {
  if (!isCommandLine(text)) return { words: parseFilterWords(text), leftOut: [] };
  if (text.length > MAX_TEXT) {
    throw new FilterError(`a command of ${text.length} characters, at most ${MAX_TEXT} allowed`);
  }
  return asFilterErrors(() => parseCommand(text, nowMs));
}

function parseCommand(text: string, nowMs: number): TypedFilters {
  // What follows a pipe or a comment is another program's.
  const args = cutWords(text.replace(command, '').replace(/\\\r?\n/g, ' '));
  const end = args.findIndex((arg) => /^[|;&>#]/.test(arg));
  const { uses, positionals } = parseFlags(end < 0 ? args : args.slice(0, end), observeFlags);
  const [name, kind = 'flows'] = positionals;
  if (name !== 'observe' || kind !== 'flows') {
    throw new FilterError(
      `"${[name, positionals[1]].join(' ').trim()}" shows no flows: expected an observe command`,
    );
  }
  const raw = uses.find(({ spec }) => spec.name === 'allowlist' || spec.name === 'denylist');
  if (raw !== undefined) {
    throw new FilterError(
      `--${raw.spec.name}: filters in JSON have no place here; use the filter flags, or --cel-expression`,
    );
  }
  const words = wordsOf(uses);
  buildFilters(words);
  return { words, ...timeOf(uses, nowMs), leftOut: leftOutOf(uses) };
}

function timeOf(uses: readonly FlagUse[], nowMs: number): Pick<TypedFilters, 'at' | 'windowMs'> {
  const ms = (name: 'since' | 'until'): number | undefined => {
    const text = lastText(uses, name) ?? '';
    if (text === '') return undefined;
    const { seconds, nanos } = parseTimeInput(`--${name}`, text, nowMs);
    return Number(seconds) * 1000 + Math.floor(nanos / 1e6);
  };
  const isFollowing = allTexts(uses, 'follow').some((text) => text !== 'false');
  const sinceMs = ms('since');
  if (isFollowing) return { at: null, ...(sinceMs !== undefined && { windowMs: nowMs - sinceMs }) };
  if (sinceMs === undefined) return {};
  const untilMs = ms('until') ?? nowMs;
  if (sinceMs >= untilMs) throw new FilterError('--since is not before --until');
  return { at: { sinceMs, untilMs } };
}

const understood: ReadonlySet<string> = new Set([
  ...filterFlags.map(({ name }) => name),
  'follow',
  'since',
  'until',
  'server',
]);

function leftOutOf(uses: readonly FlagUse[]): string[] {
  return [...new Set(uses.map(({ spec }) => `--${spec.name}`))].filter(
    (flag) => !understood.has(flag.slice(2)),
  );
}
