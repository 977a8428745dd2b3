import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  endProcesses,
  isRunning,
  noteProcess,
  readProcessTable,
} from '../../../lab/process/process-table.ts';
import { temporaryDirectory } from '../../cluster/support/temporary-directory.ts';

describe('the process table', () => {
  it('ends the processes it noted, those that ignore the asking too, and no other that has their number', async (t) => {
    const file = join(temporaryDirectory(t), 'processes');
    const script = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")';
    const stubborn = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    const bystander = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => bystander.kill('SIGKILL'));
    await Promise.all([stubborn, bystander].map((child) => once(child.stdout, 'data')));
    noteProcess(file, stubborn.pid!, 'stubborn');
    // Noted once, then the number went to another process: the start tells them apart.
    appendFileSync(file, `${JSON.stringify({ pid: bystander.pid, startTicks: '1', name: 'gone' })}\n`);
    appendFileSync(file, '{"pid": 12'); // cut off by a kill
    const table = readProcessTable(file);
    assert.deepEqual(
      table.map(({ name }) => name),
      ['stubborn', 'gone'],
    );
    const exit = once(stubborn, 'exit');
    assert.equal(await endProcesses(table, 100), 1);
    assert.deepEqual(await exit, [null, 'SIGKILL']);
    assert.equal(bystander.exitCode, null);
    assert.equal(isRunning(table[0]), false);
  });

  it('is empty when there is no file', (t) => {
    assert.deepEqual(readProcessTable(join(temporaryDirectory(t), 'none')), []);
  });
});
