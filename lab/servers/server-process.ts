import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** A server that somebody else wrote, as a process of its own. */
export class ServerProcess {
  /** The end of what it printed. */
  output = '';
  private readonly child: ChildProcess;
  /** Resolves when it has ended. */
  readonly closed: Promise<unknown>;
  /** Whether its processes are a group, to be ended together: for servers that start another process and wait for it. */
  private readonly isGroup: boolean;

  constructor(
    program: string,
    args: readonly string[],
    options: { cwd: string; env?: NodeJS.ProcessEnv; isGroup?: boolean },
  ) {
    const { isGroup = false, ...others } = options;
    this.isGroup = isGroup;
    this.child = spawn(program, [...args], {
      ...others,
      detached: isGroup,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.on('error', (error) => {
      this.output += `${error.message}\n`;
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output = (this.output + data.toString()).slice(-100_000);
      });
    }
    this.closed = new Promise((resolve) => this.child.once('close', resolve));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** CPU seconds of its processes, user and system, since they were started. */
  get cpuSeconds(): number {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .reduce((sum, name) => sum + cpuOf(name, this.isGroup ? GROUP : PID, this.pid), 0);
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Waits until `isReady` says so. Throws Error with what the server printed last when it ends before, or takes longer than four minutes: a machine may be busy. */
  async ready(isReady: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 240_000;
    while (!(await isReady())) {
      if (this.hasEnded || performance.now() > deadline) {
        await this.end('SIGKILL');
        throw new Error(`server did not start:\n${this.output.slice(-3000)}`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  }

  /** Ends it by a signal; resolves when it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.hasEnded && this.child.pid !== undefined) {
      // The first of a group passes on what asks it to end; what kills it would leave the others behind.
      if (this.isGroup && signal === 'SIGKILL') process.kill(-this.child.pid, signal);
      else this.child.kill(signal);
    }
    await this.closed;
  }
}

/** Places of fields in /proc/PID/stat behind the command's name (proc_pid_stat(5)). */
const PID = -1;
const GROUP = 2;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process that is this one or of this group; 0 for any other. */
function cpuOf(name: string, place: number, number: number): number {
  if (place === PID && name !== String(number)) return 0;
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (place !== PID && fields[place] !== String(number)) return 0;
    return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) / TICKS_PER_SECOND;
  } catch {
    return 0; // it ended in between
  }
}

/** Ports of the loopback that nobody listened on a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
