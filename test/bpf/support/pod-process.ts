import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Pod } from '../../../bench/support/two-nodes.ts';

const talk = `${import.meta.dirname}/talk.ts`;
const nodeFlags = ['--disable-warning=ExperimentalWarning'];

/** Runs a program in a pod to its end; gives its output whatever its status. */
export function runInPod(pod: Pod, command: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      'nsenter',
      [`--net=/run/netns/${pod.netns}`, ...command],
      { timeout: 15_000 },
      (_error, stdout, stderr) => resolve((stdout + stderr).trim()),
    );
  });
}

/** Starts an echo server in a pod; resolves when it listens. Whoever starts it kills it. */
export async function serveInPod(
  pod: Pod,
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
): Promise<ChildProcess> {
  const command = [process.execPath, ...nodeFlags, talk, 'serve', protocol, address, String(port)];
  const server = spawn('nsenter', [`--net=/run/netns/${pod.netns}`, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout, 'data');
  return server;
}

/** Sends bytes to an echo server: "echoed", or what went wrong. */
export function askFromPod(
  pod: Pod,
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
  bytes: number,
): Promise<string> {
  return runInPod(pod, [
    process.execPath,
    ...nodeFlags,
    talk,
    'ask',
    protocol,
    address,
    String(port),
    String(bytes),
  ]);
}
