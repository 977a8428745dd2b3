import type { Command, CommandEntry } from './command.ts';
import type { FlagSpec } from '../flags/flag-spec.ts';

/** Help is wrapped at the terminal's width, between these. */
const MIN_WIDTH = 80;
const MAX_WIDTH = 120;

/** Text behind `indent` columns, its further lines below its first. */
function wrap(text: string, indent: number, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line += line === '' ? word : ` ${word}`;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

/** `text` in two columns, the first as wide as its longest entry. */
function columns(rows: readonly (readonly [string, string])[], width: number): string {
  const indent = Math.max(...rows.map(([head]) => head.length)) + 3;
  return rows.map(([head, text]) => `${head.padEnd(indent)}${wrap(text, indent, width)}\n`).join('');
}

function flagRow(spec: FlagSpec): readonly [string, string] {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const value = spec.kind === 'bool' || spec.kind === 'switch' ? '' : ` ${spec.value ?? 'VALUE'}`;
  const choices = spec.choices === undefined ? '' : ` One of ${spec.choices.join(', ')}.`;
  const fallback = spec.default === undefined ? '' : ` (default ${spec.default})`;
  return [`  ${short}--${spec.name}${value}`, spec.help + choices + fallback];
}

function flagGroups(specs: readonly FlagSpec[], width: number): string {
  const names = new Set(specs.map(({ group }) => group ?? 'Flags'));
  return [...names]
    .map((name) => {
      const members = specs.filter(({ group }) => (group ?? 'Flags') === name);
      return `\n${name}:\n${columns(members.map(flagRow), width)}`;
    })
    .join('');
}

function commandList(entries: readonly (Command | CommandEntry)[], width: number): string {
  const shown = entries.filter(({ isHidden }) => isHidden !== true);
  return `\nCommands:\n${columns(
    shown.map(({ name, summary }) => [`  ${name}`, summary] as const),
    width,
  )}`;
}

function terminalWidth(): number {
  return Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, process.stdout.columns ?? MAX_WIDTH));
}

/** What `sluice help` prints. */
export function rootHelp(entries: readonly CommandEntry[], width = terminalWidth()): string {
  return `Sluice shows what every workload on a network is doing.

Usage:
  sluice COMMAND [flags]
${commandList(entries, width)}
Examples:
  sluice lab                         # two clusters with real traffic, on this machine
  sluice observe -f                  # follow all flows
  sluice observe --verdict DROPPED   # what was dropped
  sluice status                      # health and losses

Exit status: 0 for success, also after Ctrl-C in a command that runs until then; 1 for any error.
More about a command: sluice COMMAND --help
`;
}

/** A command's help page. `path` is how it is called, such as `sluice list nodes`; `inherited` are flags of every command that speaks to a server. */
export function helpText(
  command: Command,
  path: string,
  inherited: readonly FlagSpec[],
  width = terminalWidth(),
): string {
  const { subcommands = [], flags = [] } = command;
  const usages = [
    ...(command.run === undefined
      ? []
      : [`  ${path}${command.positionals === undefined ? '' : ` ${command.positionals}`} [flags]`]),
    ...(subcommands.length === 0 ? [] : [`  ${path} COMMAND [flags]`]),
  ];
  let text = `${command.summary}.\n`;
  if (command.details !== undefined) {
    const paragraphs = command.details.trim().split('\n\n');
    text += paragraphs.map((paragraph) => `\n${wrap(paragraph.replaceAll('\n', ' '), 0, width)}\n`).join('');
  }
  for (const { heading, rows } of command.lists ?? []) {
    text += `\n${heading}:\n${columns(
      rows.map(([name, help]) => [`  ${name}`, help] as const),
      width,
    )}`;
  }
  text += `\nUsage:\n${usages.join('\n')}\n`;
  if (command.aliases !== undefined) text += `\nAlso called: ${command.aliases.join(', ')}\n`;
  if (command.run !== undefined && !text.includes('Exit status: ')) {
    text += `\n${wrap(`Exit status: ${command.exitStatus ?? '0 for success, 1 for any error.'}`, 0, width)}\n`;
  }
  if (command.examples !== undefined) text += `\nExamples:\n${command.examples.trimEnd()}\n`;
  if (subcommands.length > 0) text += commandList(subcommands, width);
  text += flagGroups(flags, width);
  text += flagGroups(inherited, width);
  if (subcommands.length > 0) text += `\nMore about a command: ${path} COMMAND --help\n`;
  return text;
}
