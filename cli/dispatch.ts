import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { type FlagSpec, lastText, UsageError } from '../flags/flag-spec.ts';
import { nearest } from '../flags/nearest.ts';
import { parseFlags } from '../flags/parse-flags.ts';
import { serverFlags } from '../flags/server-flags.ts';

const helpFlag: FlagSpec = { name: 'help', short: 'h', kind: 'bool', help: 'Show this help.' };
const versionFlag: FlagSpec = { name: 'version', kind: 'bool', help: 'Show the version.' };

/** Finds the command that a command line asks for and runs it; resolves to the exit status. Throws UsageError, and whatever the command throws. */
export async function dispatch(args: readonly string[]): Promise<number> {
  if (args[0] === '__complete') return printCandidates(args.slice(1));
  const { uses, rest } = blame('sluice', () =>
    parseFlags(args, [...serverFlags, helpFlag, versionFlag], true),
  );
  const [word, ...others] = rest;
  if (isOn(uses, 'version')) {
    const { versionLine } = await import('./version.ts');
    process.stdout.write(`${versionLine()}\n`);
    return 0;
  }
  if (word === 'help' && others.length > 0) return dispatch([...others, '--help']);
  if (word === undefined || word === 'help') {
    const { rootHelp } = await import('./help.ts');
    process.stdout.write(rootHelp(commands));
    return 0;
  }
  const entry = commands.find(({ name, aliases }) => name === word || aliases?.includes(word));
  if (entry === undefined) {
    const known = commands.filter(({ isHidden }) => isHidden !== true).map(({ name }) => name);
    throw unknownCommand(word, 'sluice', known);
  }
  const before = args.slice(0, args.length - rest.length);
  const inherited = entry.isClient || entry.ignoresServerFlags === true ? serverFlags : [];
  const command = await entry.load();
  return runCommand(command, `sluice ${entry.name}`, [...before, ...others], inherited, entry.isClient);
}

/** Answers the completion scripts of the shells. */
async function printCandidates(words: readonly string[]): Promise<number> {
  const { complete } = await import('./completion/complete.ts');
  const candidates = await complete(words, commands);
  const lines = candidates.map(({ value, description }) =>
    description === undefined ? `${value}\n` : `${value}\t${description}\n`,
  );
  process.stdout.write(lines.join(''));
  return 0;
}

/** Runs a command, or the subcommand that its arguments name, with what is left of the command line. */
async function runCommand(
  command: Command,
  path: string,
  args: readonly string[],
  inherited: readonly FlagSpec[],
  isClient: boolean,
): Promise<number> {
  const subcommand = blame(path, () => findSubcommand(command, path, args, inherited));
  if (subcommand !== null) {
    const { command, args } = subcommand;
    return runCommand(command, `${path} ${command.name}`, args, inherited, isClient);
  }
  const { uses, positionals } = blame(path, () =>
    parseFlags(args, [...(command.flags ?? []), ...inherited, helpFlag]),
  );
  const { run } = command;
  if (isOn(uses, 'help') || run === undefined) {
    const { helpText } = await import('./help.ts');
    process.stdout.write(helpText(command, path, isClient ? inherited : []));
    return 0;
  }
  const extra = positionals[command.maxPositionals ?? positionals.length];
  try {
    if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}"`);
    return await run({ uses, positionals });
  } catch (error) {
    if (error instanceof UsageError) error.helpPath ??= path;
    throw error;
  }
}

/** The subcommand that the first argument which is no flag names, and the arguments without that word; null for none. */
function findSubcommand(
  command: Command,
  path: string,
  args: readonly string[],
  inherited: readonly FlagSpec[],
): { command: Command; args: readonly string[] } | null {
  const { subcommands } = command;
  if (subcommands === undefined) return null;
  // Flags of a subcommand may stand in front of its name.
  const specs = [command, ...subcommands].flatMap(({ flags = [] }) => flags);
  let rest: readonly string[];
  try {
    ({ rest } = parseFlags(args, [...specs, ...inherited, helpFlag], true));
  } catch (error) {
    // The command itself tells what is wrong with its flags.
    if (command.run !== undefined) return null;
    throw error;
  }
  const [word, ...others] = rest;
  const found = subcommands.find(({ name, aliases }) => name === word || aliases?.includes(word));
  if (found !== undefined) {
    return { command: found, args: [...args.slice(0, args.length - rest.length), ...others] };
  }
  if (word === undefined || command.run !== undefined) return null;
  throw unknownCommand(
    word,
    path,
    subcommands.map(({ name }) => name),
  );
}

function isOn(uses: Parameters<typeof lastText>[0], name: string): boolean {
  const text = lastText(uses, name);
  return text !== undefined && /^(1|t|true)$/i.test(text);
}

/** Notes in a usage error which command's help tells more. */
function blame<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof UsageError) error.helpPath ??= path;
    throw error;
  }
}

function unknownCommand(word: string, path: string, known: readonly string[]): UsageError {
  const guess = nearest(word, known);
  const hint = guess === undefined ? `\nThere are: ${known.join(', ')}` : `\nDid you mean ${path} ${guess}?`;
  return new UsageError(`unknown command "${word}" for "${path}"${hint}`);
}
