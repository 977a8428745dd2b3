import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { noteProcess } from '../process/process-table.ts';
import { inNamespace, ipBatch } from './ip.ts';
import type { NamespacePlan } from './network-plan.ts';

/** A link comes up in several steps, each an event. */
const SETTLE_MS = 200;

/**
 * Gives a node its addresses and routes back when one of its links came up again: the kernel drops what leads over a link that is taken down. On a real node its network
 * service does that. Ends when the signal aborts.
 */
export function keepRoutes(
  { netns, setUp }: NamespacePlan,
  tableFile: string,
  signal: AbortSignal,
  onProblem: (message: string) => void,
): void {
  const [command, args] = inNamespace(netns, 'ip', 'monitor', 'link');
  // In a session of its own, as all processes of the lab: Ctrl-C is for the lab alone.
  const monitor = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  if (monitor.pid !== undefined) noteProcess(tableFile, monitor.pid, `${netns} link monitor`);
  monitor.on('error', (error) => onProblem(`links of ${netns} are not watched: ${error.message}`));
  signal.addEventListener('abort', () => monitor.kill(), { once: true });
  let pending = false;
  const restore = async (): Promise<void> => {
    if (pending) return;
    pending = true;
    await sleep(SETTLE_MS);
    pending = false;
    if (signal.aborted) return;
    // Some of it may be impossible while another link is still down; that one's coming up brings it.
    await ipBatch(
      setUp.filter((command) => !/^link set \S+ up$/.test(command)),
      netns,
      true,
    ).catch((error: Error) => onProblem(`routes of ${netns} are not all back: ${error.message}`));
  };
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    if (/^\d+: .*<.*\bUP\b.*\bLOWER_UP\b.*>/.test(line)) void restore();
  });
}
