import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { bundleCli, cliKey } from '../../scripts/bundle-cli.ts';

const run = promisify(execFile);
const SOURCES = join(import.meta.dirname, '../../cli/main.ts');

/** Somebody may be at work on the sources. */
async function bundled(): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await bundleCli();
    } catch (error) {
      if (attempt === 3 || !(error as Error).message.includes('sources changed')) throw error;
    }
  }
}

describe('the key of a bundle of the command line', () => {
  it('changes with a file, even one of the same size and time of modification', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-key-'));
    t.after(() => rmSync(folder, { recursive: true }));
    for (const room of ['cli', 'flags', 'proto', 'rpc']) mkdirSync(join(folder, room));
    const file = join(folder, 'rpc/client.ts');
    writeFileSync(file, 'export const a = 1;\n');
    const { atime, mtime } = statSync(file);
    const before = cliKey(folder);
    assert.equal(cliKey(folder), before);
    writeFileSync(file, 'export const a = 2;\n');
    utimesSync(file, atime, mtime);
    const after = cliKey(folder);
    assert.notEqual(after, before);
    rmSync(file);
    assert.notEqual(cliKey(folder), after);
  });
});

describe('the bundle of the command line', () => {
  it('answers as its sources do', { timeout: 120_000 }, async () => {
    const entry = await bundled();
    for (const args of [['version'], ['help'], ['observe', '--help'], ['help', 'agent'], ['list', 'nodse']]) {
      const answer = async (file: string) =>
        run(process.execPath, [file, ...args]).catch(({ code, stdout, stderr }) => ({
          code,
          stdout,
          stderr,
        }));
      assert.deepEqual(await answer(entry), await answer(SOURCES), args.join(' '));
    }
  });
});
