/**
 * Loaded before the program of every process that the lab starts (`node --import`): ends the process when the lab's end of its standard input closes, which the kernel does
 * however the lab ends.
 */
import type { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';

const GRACE_MS = 4_000;

if (isMainThread) {
  process.stdin.on('error', () => {});
  process.stdin.on('close', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
  });
  process.stdin.resume();
  // To wait for it must not keep a program alive that is done.
  (process.stdin as Partial<Socket>).unref?.();
}
