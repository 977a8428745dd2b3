import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inNamespace } from '../network/ip.ts';
import { noteProcess } from './process-table.ts';

/** A process that is to run for as long as the lab does. */
export interface ProcessSpec {
  /** As the lab calls it: `east/node1 agent`. */
  readonly name: string;
  /** Program of this repository, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  /** Network namespace to run in; absent = the lab's own. */
  readonly netns?: string;
  /** Its log, below the log directory. */
  readonly logFile: string;
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
}

export interface SupervisorOptions {
  readonly logDir: string;
  /** Where started processes are noted. */
  readonly tableFile: string;
  /** Told when a process ended that was not to end. */
  readonly onEnd: (spec: ProcessSpec, reason: string) => void;
}

const FIRST_BACKOFF_MS = 250;
const LAST_BACKOFF_MS = 5_000;
/** A process that lived this long was not broken from the start. */
const SETTLED_MS = 10_000;
/** The checkout. */
export const ROOT = join(import.meta.dirname, '../..');
/** Loaded before every program of the lab. */
export const PARENT_WATCH = join(import.meta.dirname, 'parent-watch.ts');

/**
 * A process that is kept running. It is always in one of: running; waiting to be started again after it ended; stopped.
 */
class Supervised {
  readonly spec: ProcessSpec;
  private readonly options: SupervisorOptions;
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private backoffMs = FIRST_BACKOFF_MS;
  private stopped = false;
  private ended: Promise<void> = Promise.resolve();

  constructor(spec: ProcessSpec, options: SupervisorOptions) {
    this.spec = spec;
    this.options = options;
    this.start();
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  private start(): void {
    const { name, script, args, netns, logFile, nodeFlags = [] } = this.spec;
    const log = join(this.options.logDir, logFile);
    mkdirSync(dirname(log), { recursive: true });
    const fd = openSync(log, 'a');
    const nodeArgs = [...nodeFlags, '--import', PARENT_WATCH, join(ROOT, script), ...args];
    // nsenter becomes the program: one process, whose number is the program's.
    const [command, commandArgs] =
      netns === undefined ? [process.execPath, nodeArgs] : inNamespace(netns, process.execPath, ...nodeArgs);
    // A session of its own: Ctrl-C reaches the lab alone, which then ends all in order.
    const child = spawn(command, commandArgs, { stdio: ['pipe', fd, fd], detached: true, cwd: ROOT });
    closeSync(fd);
    child.stdin?.on('error', () => {}); // only its being open says anything
    this.child = child;
    const startedAt = performance.now();
    if (child.pid !== undefined) noteProcess(this.options.tableFile, child.pid, name);
    this.ended = new Promise((resolve) => {
      const onEnd = (reason: string): void => {
        resolve();
        this.child = undefined;
        if (performance.now() - startedAt > SETTLED_MS) this.backoffMs = FIRST_BACKOFF_MS;
        if (this.stopped) return;
        this.options.onEnd(this.spec, reason);
        this.timer = setTimeout(() => this.start(), this.backoffMs);
        this.backoffMs = Math.min(LAST_BACKOFF_MS, this.backoffMs * 2);
      };
      child.once('error', (error) => onEnd(error.message));
      child.once('exit', (status, signal) => onEnd(signal ?? `status ${status}`));
    });
  }

  /** Ends the process for good: asks, waits up to `graceMs`, then kills. */
  async stop(graceMs: number): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.child?.kill('SIGTERM');
    const timer = setTimeout(() => this.child?.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(timer);
  }
}

/** Starts the lab's processes, starts those again that end, and ends them all. */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly processes: Supervised[] = [];

  constructor(options: SupervisorOptions) {
    this.options = options;
  }

  start(spec: ProcessSpec): void {
    this.processes.push(new Supervised(spec, this.options));
  }

  /** Processes that run now, and those that wait to be started again. */
  get states(): { name: string; pid: number | undefined }[] {
    return this.processes.map(({ spec, pid }) => ({ name: spec.name, pid }));
  }

  /** Ends everything, the last started first. Each process gets `graceMs`; those that were started in one go end at once. */
  async stopAll(graceMs: number): Promise<void> {
    await Promise.all(this.processes.splice(0).map((process) => process.stop(graceMs)));
  }
}
