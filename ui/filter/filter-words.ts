import { type FlagSpec, type FlagUse, UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { parseFlags } from '../../flags/parse-flags.ts';
import { buildFilters as buildOfFlags, type FlowFilters } from '../../flags/observe/build-filters.ts';
import { filterFlags } from '../../flags/observe/filter-flags.ts';
import { cutWords, quoteWord } from './shell-words.ts';

export type { FlowFilters } from '../../flags/observe/build-filters.ts';

/** One filter in the words of the command line: `--not --port 53`. */
export interface FilterWord {
  /** Without the dashes. */
  readonly flag: string;
  /** Empty for flags that take none. */
  readonly value: string;
  readonly isNot: boolean;
}

/** Words that are no filter; the message is for the person who wrote them, and the same as on the command line. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

const specs: ReadonlyMap<string, FlagSpec> = new Map(filterFlags.map((spec) => [spec.name, spec]));

/** The flag of a filter, or undefined when there is none of that name. */
export function filterFlag(name: string): FlagSpec | undefined {
  return specs.get(name);
}

/** Every flag that the filter bar knows, in the order in which help shows them. */
export const filterFlagNames: readonly string[] = filterFlags
  .map(({ name }) => name)
  .filter((name) => name !== 'not');

const MAX_TEXT = 4096;

/** Words of a text as a shell would cut them, a bare `not` standing for `--not`. Throws FilterError. */
export function parseFilterWords(text: string): FilterWord[] {
  if (text.length > MAX_TEXT) {
    throw new FilterError(`a filter of ${text.length} characters, at most ${MAX_TEXT} allowed`);
  }
  const words = asFilterErrors(() => wordsOf(parseWords(cutWords(text.trim()))));
  buildFilters(words);
  return words;
}

function parseWords(args: readonly string[]): readonly FlagUse[] {
  const { uses, positionals } = parseFlags(withDashes(args), filterFlags);
  if (positionals.length === 0) return uses;
  const [word] = positionals;
  const guess = nearest(word, filterFlagNames);
  const hint = guess === undefined ? `--namespace ${word}, --pod ${word} and the like` : `--${guess}`;
  throw new UsageError(`"${word}" is no flag\nDid you mean ${hint}?`);
}

/** A bare `not` in front of a flag is `--not`, unless it is the value of the flag before it. */
function withDashes(args: readonly string[]): string[] {
  let isValue = false;
  return args.map((arg, i) => {
    const isNot = arg === 'not' && !isValue && (args[i + 1] ?? '').startsWith('-');
    isValue = !isValue && awaitsValue(arg);
    return isNot ? '--not' : arg;
  });
}

/** Whether an argument is a flag that takes the next one as its value. */
export function awaitsValue(arg: string): boolean {
  const [, long, short] = /^(?:--([a-z0-9-]+)|-([a-zA-Z0-9]))$/.exec(arg) ?? [];
  const spec = filterFlags.find(
    ({ name, short: letter }) => name === long || (letter !== undefined && letter === short),
  );
  return spec !== undefined && spec.kind !== 'switch';
}

/** The filters among the flags of a command line. Throws UsageError for a `--not` without a filter. */
export function wordsOf(uses: readonly FlagUse[]): FilterWord[] {
  const words: FilterWord[] = [];
  let isNot = false;
  for (const { spec, text } of uses) {
    if (!specs.has(spec.name)) continue;
    if (spec.name === 'not') {
      if (isNot) throw new UsageError('--not twice in a row: it turns around the filter behind it, once');
      isNot = true;
      continue;
    }
    words.push({ flag: spec.name, value: spec.kind === 'switch' ? '' : text, isNot });
    isNot = false;
  }
  if (isNot) throw new UsageError('--not at the end: it needs a filter behind it');
  return words;
}

/** The words as one text, which `parseFilterWords` and a shell cut alike. */
export function filterText(words: readonly FilterWord[]): string {
  return words.map(wordText).join(' ');
}

/** One word as it stands on a command line. */
export function wordText({ flag, value, isNot }: FilterWord): string {
  const text = specs.get(flag)?.kind === 'switch' ? `--${flag}` : `--${flag} ${quoteWord(value)}`;
  return isNot ? `--not ${text}` : text;
}

/** The filters that words ask for, as `sluice observe` builds them. Throws FilterError. */
export function buildFilters(words: readonly FilterWord[]): FlowFilters {
  return asFilterErrors(() => buildOfFlags(words.flatMap(usesOf)));
}

function usesOf({ flag, value, isNot }: FilterWord): FlagUse[] {
  const spec = specs.get(flag);
  if (spec === undefined) throw new UsageError(`unknown flag: --${flag}`);
  const not: FlagUse[] = isNot ? [{ spec: specs.get('not')!, text: 'true' }] : [];
  return [...not, { spec, text: spec.kind === 'switch' ? 'true' : value }];
}

/** Runs `action`, and turns mistakes of the command line into mistakes of the filter bar. */
export function asFilterErrors<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof UsageError) throw new FilterError(error.message);
    throw error;
  }
}

export function isSameWord(a: FilterWord, b: FilterWord): boolean {
  return a.flag === b.flag && a.value === b.value && a.isNot === b.isNot;
}

/**
 * The words with one more, each once. Words that cannot stand beside it on the command line make way: who asks for one pod asks no more for another
 * direction of pods. Throws FilterError when it is wrong by itself.
 */
export function addWord(words: readonly FilterWord[], word: FilterWord): FilterWord[] {
  buildFilters([word]);
  let kept = words.filter((other) => !isSameWord(other, word));
  const opposite = { ...word, isNot: !word.isNot };
  kept = kept.filter((other) => !isSameWord(other, opposite));
  if (!fits([...kept, word])) kept = kept.filter((other) => fits([other, word]));
  if (!fits([...kept, word])) kept = kept.filter((other) => other.isNot !== word.isNot);
  return [...kept, word];
}

function fits(words: readonly FilterWord[]): boolean {
  try {
    buildFilters(words);
    return true;
  } catch (error) {
    if (error instanceof FilterError) return false;
    throw error;
  }
}
