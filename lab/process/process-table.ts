import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process, told from another that got the same number later by the moment it started. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks from the machine's start to the process's: field 22 of /proc/PID/stat (proc_pid_stat(5)). */
  readonly startTicks: string;
  readonly name: string;
}

/** When a process started; null when there is none, or only its remains wait to be collected. */
export function readStartTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in parentheses and may hold anything, also parentheses and spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : fields[19];
  } catch {
    return null;
  }
}

export function isRunning({ pid, startTicks }: ProcessMark): boolean {
  return readStartTicks(pid) === startTicks;
}

/** Notes a process that was started just now, so that a later lab finds it if this one is killed. */
export function noteProcess(file: string, pid: number, name: string): void {
  const startTicks = readStartTicks(pid);
  if (startTicks !== null) appendFileSync(file, `${JSON.stringify({ pid, startTicks, name })}\n`);
}

/** The processes noted in a file; a line that was cut off by a full disk or a kill is passed over. */
export function readProcessTable(file: string): ProcessMark[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      const { pid, startTicks, name } = JSON.parse(line) as ProcessMark;
      return Number.isInteger(pid) && pid > 1 && typeof startTicks === 'string'
        ? [{ pid, startTicks, name }]
        : [];
    } catch {
      return [];
    }
  });
}

/** Ends those of the processes that still run: asks, waits up to `graceMs`, then kills. Returns how many there were. */
export async function endProcesses(processes: readonly ProcessMark[], graceMs: number): Promise<number> {
  const running = processes.filter(isRunning);
  for (const { pid } of running) signal(pid, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (running.some(isRunning) && performance.now() < deadline) await sleep(50);
  for (const mark of running) if (isRunning(mark)) signal(mark.pid, 'SIGKILL');
  while (running.some(isRunning)) await sleep(20);
  return running.length;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it ended by itself in between
  }
}
