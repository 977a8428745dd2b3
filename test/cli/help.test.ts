import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../cli/command.ts';
import { commands } from '../../cli/commands.ts';
import { helpText, rootHelp } from '../../cli/help.ts';
import { serverFlags } from '../../flags/server-flags.ts';

/** Every command and subcommand, by how it is called. */
async function allCommands(): Promise<(readonly [path: string, command: Command, isClient: boolean])[]> {
  const found: (readonly [string, Command, boolean])[] = [];
  const add = (path: string, command: Command, isClient: boolean): void => {
    found.push([path, command, isClient]);
    for (const sub of command.subcommands ?? []) add(`${path} ${sub.name}`, sub, isClient);
  };
  for (const entry of commands) add(`sluice ${entry.name}`, await entry.load(), entry.isClient);
  return found;
}

const tree = await allCommands();

describe('help', () => {
  for (const [path, command, isClient] of tree) {
    it(`of ${path} says what it does, how it is called, shows examples, and what the exit status means`, () => {
      const text = helpText(command, path, isClient ? serverFlags : [], 100);
      assert.ok(text.startsWith(`${command.summary}.\n`));
      assert.match(text, /\nUsage:\n {2}sluice /);
      // Those of some subcommands stand in the help of their command.
      const parent = tree.find(([name]) => name === path.replace(/ [^ ]*$/, ''));
      assert.ok((command.examples ?? parent?.[1].examples ?? '').trim() !== '');
      if (command.run !== undefined) assert.match(text, /Exit\sstatus:/);
      if (isClient) assert.match(text, /SLUICE_SERVER, then HUBBLE_SERVER/);
    });

    it(`of ${path} tells every flag of it`, () => {
      const text = helpText(command, path, [], 100);
      for (const { name, short } of command.flags ?? []) {
        assert.ok(text.includes(`${short === undefined ? '    ' : `-${short}, `}--${name}`), name);
      }
    });
  }

  it('keeps to the width of the terminal where words allow it', () => {
    const observe = tree.find(([path]) => path === 'sluice observe')!;
    const wide = helpText(observe[1], observe[0], [], 80)
      .split('\n')
      .filter((line) => line.length > 80 && !/^ {2}\S|^ {4}\S| {20}\S+$/.test(line));
    assert.deepEqual(wide, []);
  });

  it('lists every command that is not hidden', () => {
    const text = rootHelp(commands, 100);
    for (const { name, isHidden } of commands) {
      assert.equal(text.includes(`\n  ${name} `), isHidden !== true, name);
    }
    assert.match(text, /Exit status: 0 for success/);
  });
});
