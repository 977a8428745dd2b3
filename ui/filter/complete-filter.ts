import { filterFlags } from '../../flags/observe/filter-flags.ts';
import { DropReason } from '../../proto/gen/flow/flow_pb.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';
import { awaitsValue, filterFlag, filterFlagNames } from './filter-words.ts';
import type { KnownName, KnownNames } from './known-names.ts';
import { cutWords, quoteWord } from './shell-words.ts';

/** Something to put into the filter bar. */
export interface Suggestion {
  /** The whole text of the bar when it is taken. */
  readonly text: string;
  /** What it adds, as it is shown. */
  readonly label: string;
  readonly hint: string;
  /** Whether the text is a whole filter then. */
  readonly isComplete: boolean;
}

const MAX_SUGGESTIONS = 12;
/** Flags that a bare word is offered for, the likeliest first. */
const topicsOfWords = [
  'namespace',
  'workload',
  'pod',
  'service',
  'fqdn',
  'cluster',
  'node-name',
  'port',
  'verdict',
];

/** What may be meant by the end of a text: a flag, or a value of the flag before it, out of names that are there. */
export function completeFilter(text: string, names: KnownNames): Suggestion[] {
  const words = cutWords(text);
  const isNewWord = words.length === 0 || /\s$/.test(text);
  const last = isNewWord ? '' : words.at(-1)!;
  const before = isNewWord ? words : words.slice(0, -1);
  const head = before.length === 0 ? '' : `${before.map((word) => quoteWord(word)).join(' ')} `;
  const flag = before.at(-1);
  if (flag !== undefined && isFlagInWait(before)) return completeValue(head, flag, last, names);
  const [, name, value] = /^(--[a-z0-9-]+)=(.*)$/s.exec(last) ?? [];
  if (name !== undefined) return completeValue(`${head}${name} `, name, value, names);
  return last === '' || last.startsWith('-') || last === 'not'
    ? completeFlag(head, last, before)
    : completeWord(head, last, names);
}

function isFlagInWait(words: readonly string[]): boolean {
  let isValue = false;
  for (const word of words) isValue = !isValue && awaitsValue(word);
  return isValue;
}

function completeFlag(head: string, last: string, before: readonly string[]): Suggestion[] {
  const typed = last === 'not' ? 'not' : last.replace(/^-{1,2}/, '');
  const isNegated = before.at(-1) === '--not' || before.at(-1) === 'not';
  const flags = [...(isNegated ? [] : ['not']), ...filterFlagNames];
  return ranked(flags, typed, (flag) => flag)
    .map((flag) => {
      const spec = filterFlag(flag)!;
      return {
        text: `${head}--${flag}${spec.kind === 'switch' && flag !== 'not' ? '' : ' '}`,
        label: spec.value === undefined ? `--${flag}` : `--${flag} ${spec.value}`,
        hint: spec.help,
        isComplete: spec.kind === 'switch' && flag !== 'not',
      };
    })
    .slice(0, MAX_SUGGESTIONS);
}

function completeValue(head: string, flag: string, typed: string, names: KnownNames): Suggestion[] {
  const name = flag.replace(/^--/, '');
  const spec = filterFlag(name) ?? filterFlags.find(({ short }) => flag === `-${short}`);
  if (spec === undefined) return [];
  return ranked(valuesOf(spec, names), typed, (known) => known.name)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ name: value, flows }) => suggestion(head, value, spec, flows));
}

function suggestion(head: string, value: string, spec: FlagSpec, flows: number): Suggestion {
  return {
    text: head + quoteWord(value),
    label: value,
    hint: flows > 0 ? `${flows.toLocaleString('en-US')} flows` : (spec.value ?? ''),
    isComplete: true,
  };
}

/** Values of a flag: those that are there first, then those that there may be. */
function valuesOf(spec: FlagSpec, names: KnownNames): KnownName[] {
  const topic = spec.name.replace(/^(?:from|to)-/, '');
  const known = names.get(topic) ?? [];
  const usual = topic === 'drop-reason-desc' ? dropReasons : (spec.suggestions ?? []);
  const seen = new Set(known.map(({ name }) => name));
  return [...known, ...usual.filter((name) => !seen.has(name)).map((name) => ({ name, flows: 0 }))];
}

const dropReasons = Object.keys(DropReason).filter((name) => /^[A-Z]/.test(name));

/** A word that stands for itself: what is there of that name, under each flag that takes it. */
function completeWord(head: string, typed: string, names: KnownNames): Suggestion[] {
  const found = topicsOfWords.flatMap((topic) => {
    const spec = filterFlag(topic)!;
    return ranked(valuesOf(spec, names), typed, (known) => known.name)
      .slice(0, 4)
      .map(({ name, flows }) => ({
        ...suggestion(`${head}--${topic} `, name, spec, flows),
        label: `--${topic} ${name}`,
        isPrefix: name.toLowerCase().startsWith(typed.toLowerCase()),
      }));
  });
  const byNearness = [
    ...found.filter(({ isPrefix }) => isPrefix),
    ...found.filter(({ isPrefix }) => !isPrefix),
  ];
  return [
    ...byNearness.map(({ text, label, hint, isComplete }) => ({ text, label, hint, isComplete })),
    ...completeFlag(head, typed, []),
  ].slice(0, MAX_SUGGESTIONS);
}

/** What contains the typed text: that which begins with it first, else in the order given. */
function ranked<T>(list: readonly T[], typed: string, textOf: (item: T) => string): T[] {
  const wanted = typed.toLowerCase();
  const begins: T[] = [];
  const contains: T[] = [];
  for (const item of list) {
    const text = textOf(item).toLowerCase();
    if (text.startsWith(wanted)) begins.push(item);
    else if (text.includes(wanted)) contains.push(item);
  }
  return [...begins, ...contains];
}
