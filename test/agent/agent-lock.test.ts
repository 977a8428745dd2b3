import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { it } from 'node:test';
import { lockNode } from '../../agent/agent-lock.ts';

const pinDir = (name: string): string => `/sys/fs/bpf/sluice/lock-test-${process.pid}-${name}`;

it('is held by one at a time, for each pin directory by itself', async () => {
  const lock = await lockNode(pinDir('a'));
  await assert.rejects(
    lockNode(pinDir('a')),
    ({ message }: Error) =>
      message === `another agent runs with ${pinDir('a')}; stop it first, or give this one another --pin-dir`,
  );
  const other = await lockNode(pinDir('b'));
  lock.close();
  other.close();
  (await lockNode(pinDir('a'))).close();
});

it('is free again when its holder was killed', async () => {
  const module = new URL('../../agent/agent-lock.ts', import.meta.url).href;
  const script = `const { lockNode } = await import(${JSON.stringify(module)});
    await lockNode(${JSON.stringify(pinDir('c'))});
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  await assert.rejects(lockNode(pinDir('c')), /another agent runs/);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  (await lockNode(pinDir('c'))).close();
});
