import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { labPaths, type LabPaths } from '../../../lab/paths.ts';
import { readProcessTable, isRunning } from '../../../lab/process/process-table.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CLI = join(ROOT, 'cli/main.ts');

/** A lab that runs as a process of its own, as `npm start` would have it, beside any other lab on the machine. */
export class LabHarness {
  readonly name: string;
  readonly paths: LabPaths;
  readonly child: ChildProcess;
  /** Everything it printed, on either output. */
  readonly lines: string[] = [];
  readonly exit: Promise<number | NodeJS.Signals | null>;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.paths = labPaths(name);
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream! }).on('line', (line) => this.lines.push(line));
    }
    this.exit = new Promise((resolve) => child.once('close', (status, signal) => resolve(signal ?? status)));
  }

  /** Starts a lab that is gone when the test is over, whatever became of it. */
  static start(t: TestContext, args: readonly string[] = []): LabHarness {
    return LabHarness.launch(t, [], args);
  }

  /** The same below a process that stands for npm: that one is `child`. */
  static startUnderNpm(t: TestContext): LabHarness {
    const npm = `require('node:child_process').spawn(process.execPath, process.argv.slice(1), {
      stdio: 'inherit', env: { ...process.env, npm_lifecycle_event: 'start' },
    })`;
    return LabHarness.launch(t, ['-e', npm], []);
  }

  private static launch(t: TestContext, before: readonly string[], args: readonly string[]): LabHarness {
    const name = `e${process.pid}`.slice(0, 8);
    const logDir = join(ROOT, 'build', `lab-${name}`);
    const child = spawn(
      process.execPath,
      [...before, CLI, 'lab', `--name=${name}`, '--port=0', `--log-dir=${logDir}`, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const lab = new LabHarness(name, child);
    t.after(async () => {
      child.kill('SIGTERM');
      const status = await lab.exit;
      runLab(['--clean', `--name=${name}`]);
      // The logs of a lab that failed are worth keeping.
      if (status !== 1) rmSync(logDir, { recursive: true, force: true });
    });
    return lab;
  }

  /** Resolves when the lab said that all nodes show flows; rejects with its output when it ended instead. */
  live(): Promise<void> {
    return this.printed('flows of all nodes are live');
  }

  /** Resolves once a line with this text was printed. */
  async printed(text: string): Promise<void> {
    while (!this.lines.some((line) => line.includes(text))) {
      if (this.child.exitCode !== null) throw new Error(`the lab ended:\n${this.lines.join('\n')}`);
      await sleep(50);
    }
  }

  /** The process of this name that runs now. */
  pidOf(name: string): number {
    const mark = readProcessTable(this.paths.processTable).findLast(
      (one) => one.name === name && isRunning(one),
    );
    if (mark === undefined) throw new Error(`no process "${name}" runs`);
    return mark.pid;
  }

  /** What is left of the lab on the machine: namespaces, pins, files, processes. */
  leftovers(): string[] {
    const list = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);
    const marker = `/run/sluice/${this.name}/`;
    return [
      ...list('/run/netns').filter((netns) => netns.startsWith(`${this.paths.prefix}-`)),
      ...list('/sys/fs/bpf/sluice').filter((pin) => pin.startsWith(`${this.name}-`)),
      ...(existsSync(this.paths.runDir) ? [this.paths.runDir] : []),
      ...processesThatName(marker),
    ];
  }
}

/** Command lines of running processes that hold a text. */
export function processesThatName(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      const commandLine = readCommandLine(pid);
      return commandLine.includes(text) ? [`${pid} ${commandLine.slice(0, 120)}`] : [];
    });
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it ended in between
  }
}

/** Runs `sluice lab` to its end. */
export function runLab(args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'lab', ...args], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** Why the lab cannot run here, or null. */
export function labIsLacking(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'needs a kernel with BTF';
  return null;
}
