import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** How a run of the command ended. */
export interface CliResult {
  readonly out: string;
  readonly err: string;
  /** Exit status, or the signal that ended the process. */
  readonly status: number | NodeJS.Signals;
}

const MAIN = join(import.meta.dirname, '../../../cli/main.ts');

/** An empty home, so that no settings of whoever runs the tests get in. */
export const HOME = mkdtempSync(join(tmpdir(), 'sluice-home-'));

/** Starts `sluice` with arguments; `env` is all of its environment beside PATH and HOME. */
export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME, NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env },
  });
}

/** Waits for the end of a started command. */
export async function finished(child: ReturnType<typeof startCli>): Promise<CliResult> {
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ out, err, status: code ?? signal! }));
  });
}

/** Runs `sluice` to its end. */
export function runCli(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliResult> {
  return finished(startCli(args, env));
}
