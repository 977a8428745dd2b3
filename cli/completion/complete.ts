import type { Command, CommandEntry } from '../command.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';
import { serverFlags } from '../../flags/server-flags.ts';

/** What may stand at the cursor. */
export interface Candidate {
  readonly value: string;
  readonly description?: string;
}

type Node = Command | CommandEntry;

function takesValue({ kind }: FlagSpec): boolean {
  return kind !== 'bool' && kind !== 'switch';
}

/** The flag that a word names, if it is a flag without its value. */
function flagOf(word: string, specs: readonly FlagSpec[]): FlagSpec | undefined {
  if (word.startsWith('--')) return specs.find(({ name }) => `--${name}` === word);
  // Of grouped short flags the last may take a value.
  return /^-[^-]+$/.test(word) ? specs.find(({ short }) => short === word.at(-1)) : undefined;
}

function valuesOf(spec: FlagSpec, prefix: string, lead: string): Candidate[] {
  const values = spec.choices ?? spec.suggestions ?? (spec.kind === 'bool' ? ['true', 'false'] : []);
  return values.filter((value) => value.startsWith(prefix)).map((value) => ({ value: lead + value }));
}

/**
 * Candidates for the last of `words`, which follow the program's name. The others are read as dispatch reads them, but leniently: what is not understood is passed over.
 */
export async function complete(
  words: readonly string[],
  entries: readonly CommandEntry[],
): Promise<Candidate[]> {
  // A shell that cannot pass on an empty word passes two quotes.
  const last = words.at(-1) ?? '';
  const current = last === '""' ? '' : last;
  const before = words.slice(0, -1);
  if (before.includes('--')) return [];
  let nodes: readonly Node[] = entries;
  let specs: readonly FlagSpec[] = serverFlags;
  let inherited = serverFlags;
  let choices: readonly string[] = [];
  for (let i = 0; i < before.length; i++) {
    const flag = flagOf(before[i], specs);
    if (flag !== undefined && takesValue(flag)) {
      if (i + 1 === before.length) return valuesOf(flag, current, '');
      i++;
      continue;
    }
    const node = nodes.find(({ name, aliases }) => name === before[i] || aliases?.includes(before[i]));
    if (node === undefined) {
      if (before[i] === 'help' || before[i].startsWith('-')) continue;
      nodes = []; // a positional: no command follows it
      choices = [];
      continue;
    }
    const command = 'load' in node ? await node.load() : node;
    if ('load' in node) inherited = node.isClient ? serverFlags : [];
    choices = command.positionalChoices ?? [];
    nodes = command.subcommands ?? [];
    specs = [
      ...(command.flags ?? []),
      ...inherited,
      ...nodes.flatMap((sub) => ('flags' in sub && sub.flags) || []),
    ];
  }
  if (current.startsWith('--') && current.includes('=')) {
    const equals = current.indexOf('=');
    const flag = flagOf(current.slice(0, equals), specs);
    return flag === undefined ? [] : valuesOf(flag, current.slice(equals + 1), current.slice(0, equals + 1));
  }
  if (current.startsWith('-')) {
    const names = new Map(specs.map(({ name, help }) => [name, help]));
    names.set('help', 'Show this help.');
    return [...names]
      .map(([name, description]) => ({ value: `--${name}`, description }))
      .filter(({ value }) => value.startsWith(current));
  }
  const found = nodes
    .filter(({ name, isHidden }) => isHidden !== true && name.startsWith(current))
    .map(({ name, summary }): Candidate => ({ value: name, description: summary }));
  return [...found, ...choices.filter((value) => value.startsWith(current)).map((value) => ({ value }))];
}
