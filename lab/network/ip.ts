import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Runs a program with text as its input. Rejects with what it complained about. */
export async function run(command: string, args: readonly string[], input = ''): Promise<void> {
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.on('error', () => {}); // it ended before it read everything: its complaint says why
  child.stdin.end(input);
  const [complaint, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${complaint.trim().split('\n')[0]}`);
}

/** Command and arguments that run a program inside a network namespace. */
export function inNamespace(netns: string, ...program: string[]): [command: string, args: string[]] {
  // Not `ip -n` or `ip netns exec`: both mount another /sys, which hides bpffs and fails in a chroot.
  return ['nsenter', [`--net=/run/netns/${netns}`, ...program]];
}

/**
 * Runs commands of `ip` in one process: a lab takes some three hundred, and starting a program costs more than any of them. Rejects with the first that fails; those behind it
 * are not run, unless `goOn` is set.
 */
export async function ipBatch(commands: readonly string[], netns?: string, goOn = false): Promise<void> {
  const batch = [...(goOn ? ['-force'] : []), '-batch', '-'];
  const [command, args] = netns === undefined ? ['ip', batch] : inNamespace(netns, 'ip', ...batch);
  await run(command, args, `${commands.join('\n')}\n`);
}

/** Writes settings below /proc/sys/net as a namespace has them. A setting that this kernel lacks is passed over. */
export async function setSysctls(netns: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(settings).map(([key, value]) => {
    const path = `/proc/sys/net/${key.replaceAll('.', '/')}`;
    return `[ ! -e ${path} ] || echo ${value} >${path}`;
  });
  // These files are those of the namespace that opens them.
  await run(...inNamespace(netns, 'sh', '-e'), `${lines.join('\n')}\n`);
}
