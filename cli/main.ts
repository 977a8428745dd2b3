/** `sluice`: finds the command, parses its flags, runs it. Commands are imported only when they are asked for. */
import { type Command } from './command.ts';
import { type FlagSpec, UsageError } from './flags/flag-spec.ts';
import { nearest } from './flags/nearest.ts';
import { parseFlags } from './flags/parse-flags.ts';

const helpFlag: FlagSpec = { name: 'help', short: 'h', kind: 'bool', help: 'Show this help.' };

/** Commands by name: one line for the list, and how to get the rest. */
const commands: readonly {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Whether it speaks to a server, and so takes the flags for that. */
  readonly isClient: boolean;
  readonly load: () => Promise<Command>;
}[] = [
  {
    name: 'observe',
    summary: 'Show flows: who talks to whom, and what became of it',
    isClient: true,
    load: async () => (await import('./observe/observe.ts')).observeCommand,
  },
  {
    name: 'status',
    summary: 'Show the health of a relay or agent, and every loss by cause',
    isClient: true,
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'list',
    summary: 'List nodes or namespaces',
    isClient: true,
    load: async () => (await import('./list.ts')).listCommand,
  },
  {
    name: 'watch',
    aliases: ['w'],
    summary: 'Watch the nodes of a cluster come and go',
    isClient: true,
    load: async () => (await import('./watch.ts')).watchCommand,
  },
  {
    name: 'agent',
    summary: 'Run the agent of this node (as root)',
    isClient: false,
    load: async () => (await import('./agent.ts')).agentCommand,
  },
  {
    name: 'relay',
    summary: 'Run a relay: many agents, or other relays, as one stream',
    isClient: false,
    load: async () => (await import('./relay.ts')).relayCommand,
  },
  {
    name: 'lab',
    summary: 'Run two clusters with real traffic on this machine (as root)',
    isClient: false,
    load: async () => (await import('./lab.ts')).labCommand,
  },
  {
    name: 'version',
    summary: 'Show the version',
    isClient: false,
    load: async () => (await import('./version.ts')).versionCommand,
  },
];

function rootHelp(): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 3;
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}\n`).join('');
  return `Sluice shows what every workload on a network is doing.

Usage:
  sluice COMMAND [flags]

Commands:
${list}
Examples:
  sluice lab                         two clusters with real traffic, on this machine
  sluice observe -f                  follow all flows
  sluice observe --verdict DROPPED   what was dropped
  sluice status                      health and losses

More about a command: sluice COMMAND --help
`;
}

function unknownCommand(word: string, path: string, known: readonly string[]): UsageError {
  const guess = nearest(word, known);
  return new UsageError(
    `unknown command "${word}" for "${path}"${guess === undefined ? '' : `\nDid you mean ${guess}?`}`,
  );
}

/** Names the help page in errors once the command is known. */
let helpPath = 'sluice';

/** Runs a command or one of its subcommands with what is left of the command line. */
async function runCommand(
  command: Command,
  path: string,
  args: readonly string[],
  inherited: readonly FlagSpec[],
): Promise<number> {
  helpPath = path;
  const specs = [...(command.flags ?? []), ...inherited, helpFlag];
  if (command.subcommands !== undefined) {
    const { uses, rest } = parseFlags(args, specs, true);
    const [word, ...others] = rest;
    const known = command.subcommands.map(({ name }) => name);
    const sub = command.subcommands.find(({ name, aliases }) => name === word || aliases?.includes(word));
    if (sub !== undefined) {
      const before = args.slice(0, args.length - rest.length);
      return runCommand(sub, `${path} ${sub.name}`, [...before, ...others], inherited);
    }
    if (word !== undefined) throw unknownCommand(word, path, known);
    const { helpText } = await import('./help.ts');
    process.stdout.write(helpText(command, path, inherited));
    return uses.some(({ spec }) => spec.name === 'help') ? 0 : 1;
  }
  const { uses, positionals } = parseFlags(args, specs);
  if (uses.some(({ spec, text }) => spec.name === 'help' && text !== 'false')) {
    const { helpText } = await import('./help.ts');
    process.stdout.write(helpText(command, path, inherited));
    return 0;
  }
  if (command.maxPositionals !== undefined && positionals.length > command.maxPositionals) {
    throw new UsageError(`unexpected argument "${positionals[command.maxPositionals]}"`);
  }
  return command.run!({ uses, positionals });
}

async function main(args: readonly string[]): Promise<number> {
  const { serverFlags } = await import('./server-flags.ts');
  const versionFlag: FlagSpec = { name: 'version', kind: 'bool', help: 'Show the version.' };
  const { uses, rest } = parseFlags(args, [...serverFlags, helpFlag, versionFlag], true);
  const [word, ...others] = rest;
  if (uses.some(({ spec }) => spec.name === 'version')) {
    const { versionLine } = await import('./version.ts');
    process.stdout.write(`${versionLine()}\n`);
    return 0;
  }
  if (word === undefined || word === 'help') {
    if (word === 'help' && others.length > 0) return main([...others, '--help']);
    process.stdout.write(rootHelp());
    return 0;
  }
  const entry = commands.find(({ name, aliases }) => name === word || aliases?.includes(word));
  if (entry === undefined) {
    throw unknownCommand(
      word,
      'sluice',
      commands.map(({ name }) => name),
    );
  }
  const command = await entry.load();
  const before = args.slice(0, args.length - rest.length);
  return runCommand(
    command,
    `sluice ${entry.name}`,
    [...before, ...others],
    entry.isClient ? serverFlags : [],
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof UsageError ? `See '${helpPath} --help' for usage.\n` : '';
  process.stderr.write(`error: ${message}\n${hint}`);
  process.exitCode = 1;
}
