import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { noteProcess } from '../process/process-table.ts';
import { RateLimit } from '../rate-limit.ts';
import { PARENT_WATCH, ROOT } from '../process/supervisor.ts';

/** What a person can follow. */
const LINES_PER_SECOND = 8;
const NOTE_INTERVAL_MS = 10_000;
const RESTART_MS = 500;

/**
 * Shows live flows of a relay on stdout, as `sluice observe -f` prints them (it is that), thinned to what a person can read. Goes on until the signal aborts.
 */
export async function showLiveFlows(socket: string, tableFile: string, signal: AbortSignal): Promise<void> {
  const sampler = new RateLimit(LINES_PER_SECOND, performance.now());
  const notes = setInterval(() => {
    if (sampler.skipped > 0)
      process.stdout.write(`… and ${sampler.skipped} more in ${NOTE_INTERVAL_MS / 1000} s\n`);
    sampler.skipped = 0;
  }, NOTE_INTERVAL_MS);
  while (!signal.aborted) {
    const child = startObserve(socket);
    if (child.pid !== undefined) noteProcess(tableFile, child.pid, 'observe');
    signal.addEventListener('abort', () => child.kill(), { once: true });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!signal.aborted && sampler.take(performance.now())) process.stdout.write(`${line}\n`);
    });
    await new Promise((resolve) => child.once('close', resolve));
    await sleep(RESTART_MS, undefined, { signal }).catch(() => {});
  }
  clearInterval(notes);
}

function startObserve(socket: string): ChildProcess {
  const color = process.stdout.isTTY ? 'always' : 'never';
  const args = ['observe', '-f', `--server=unix://${socket}`, `--color=${color}`, '-s'];
  // Its complaint when the relay goes away is told by the lab already.
  return spawn(process.execPath, ['--import', PARENT_WATCH, join(ROOT, 'cli/main.ts'), ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
}
