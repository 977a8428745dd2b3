import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { PARENT_WATCH } from '../../../lab/process/supervisor.ts';

function start(script: string) {
  return spawn(process.execPath, ['--import', PARENT_WATCH, '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

describe('the watch for the parent', () => {
  it('lets a process end in order when the other end of its standard input closes', async () => {
    const child = start(
      'process.on("SIGTERM", () => process.exit(7)); setInterval(() => {}, 1000); console.log("up")',
    );
    await once(child.stdout, 'data');
    child.stdin.destroy();
    assert.deepEqual(await once(child, 'exit'), [7, null]);
  });

  it('keeps no process alive that is done, and leaves threads alone', async () => {
    const child = start(`
      const { Worker } = require('node:worker_threads');
      new Worker('setTimeout(() => {}, 50)', { eval: true }).on('exit', (status) => console.log('thread', status));
    `);
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(text.toString(), 'thread 0\n');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    child.stdin.destroy();
  });
});
