import { type Command } from './command.ts';
import { type FlagSpec } from './flags/flag-spec.ts';

function flagHead(spec: FlagSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const takesValue = spec.kind !== 'bool' && spec.kind !== 'switch';
  return `  ${short}--${spec.name}${takesValue ? ` ${spec.value ?? 'VALUE'}` : ''}`;
}

function flagLines(specs: readonly FlagSpec[]): string {
  const width = Math.max(...specs.map((spec) => flagHead(spec).length)) + 3;
  return specs
    .map((spec) => {
      const choices = spec.choices === undefined ? '' : ` One of: ${spec.choices.join(', ')}.`;
      const fallback = spec.default === undefined ? '' : ` (default ${spec.default})`;
      return `${flagHead(spec).padEnd(width)}${spec.help}${choices}${fallback}\n`;
    })
    .join('');
}

function flagGroups(specs: readonly FlagSpec[]): string {
  const groups = new Map<string, FlagSpec[]>();
  for (const spec of specs) {
    const name = spec.group ?? 'Flags';
    groups.set(name, [...(groups.get(name) ?? []), spec]);
  }
  return [...groups].map(([name, members]) => `\n${name}:\n${flagLines(members)}`).join('');
}

/** A command's help page. `path` is how it is called, such as `sluice list nodes`. */
export function helpText(command: Command, path: string, globalFlags: readonly FlagSpec[]): string {
  const subcommands = (command.subcommands ?? []).filter((sub) => sub.summary !== '');
  const usage =
    subcommands.length > 0 && command.run === undefined ? `${path} COMMAND [flags]` : `${path} [flags]`;
  let text = `${command.summary}\n`;
  if (command.details !== undefined) text += `\n${command.details.trim()}\n`;
  text += `\nUsage:\n  ${usage}\n`;
  if (command.aliases !== undefined) text += `\nAlso called: ${command.aliases.join(', ')}\n`;
  if (command.examples !== undefined) text += `\nExamples:\n${command.examples.trimEnd()}\n`;
  if (subcommands.length > 0) {
    const width = Math.max(...subcommands.map(({ name }) => name.length)) + 3;
    text += `\nCommands:\n${subcommands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}\n`).join('')}`;
  }
  if (command.flags !== undefined && command.flags.length > 0) text += flagGroups(command.flags);
  if (globalFlags.length > 0)
    text += flagGroups(globalFlags.map((spec) => ({ ...spec, group: 'Server flags' })));
  if (subcommands.length > 0) text += `\nMore about a command: ${path} COMMAND --help\n`;
  return text;
}
