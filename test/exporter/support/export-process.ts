import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../../cli/main.ts');

/** A `sluice export` in a process of its own. */
export interface ExportProcess {
  /** What it logged so far. */
  readonly log: () => string;
  /** Address of its metrics, such as `127.0.0.1:40123`. */
  readonly metrics: string;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends it, and resolves to its exit status; null when a signal ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

/** Starts an exporter and waits until it is ready. Throws Error with its log when it ends before. */
export async function startExport(configFile: string): Promise<ExportProcess> {
  const child = spawn(process.execPath, [main, 'export', '--config', configFile], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (data: Buffer) => {
    log += data.toString();
  });
  const closed = once(child, 'close');
  const ready = /msg="exporter ready".* metrics=(\S+)/;
  while (!ready.test(log)) {
    const more = once(child.stderr, 'data');
    more.catch(() => {});
    await Promise.race([more, closed]);
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`exporter ended: ${log}`);
  }
  return {
    log: () => log,
    metrics: ready.exec(log)![1],
    signal: (signal) => void child.kill(signal),
    end: (signal) => end(child, closed, signal),
  };
}

async function end(
  child: ChildProcess,
  closed: Promise<unknown>,
  signal: NodeJS.Signals,
): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  await closed;
  return child.exitCode;
}
