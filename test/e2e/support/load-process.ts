import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const program = `${import.meta.dirname}/load.ts`;

/** A process in a pod that makes traffic (`load.ts`), with its account. */
export class LoadProcess<Account> {
  private readonly child: ChildProcess;
  private readonly lines: string[] = [];
  private wake: () => void = () => {};

  /** @param patienceMs how long what is under way at the end is waited for */
  constructor(netns: string, args: readonly (string | number)[], patienceMs?: number) {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', program];
    this.child = spawn('nsenter', [`--net=/run/netns/${netns}`, ...node, ...args.map(String)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...(patienceMs !== undefined && { LOAD_PATIENCE_MS: String(patienceMs) }) },
    });
    createInterface({ input: this.child.stdout! })
      .on('line', (line) => {
        this.lines.push(line);
        this.wake();
      })
      .on('close', () => {
        this.lines.push('ended');
        this.wake();
      });
    this.child.stdin!.on('error', () => undefined);
  }

  /** Resolves when its traffic is under way. */
  async ready(): Promise<void> {
    const line = await this.line();
    if (line !== 'ready') throw new Error(`load said "${line}", expected "ready"`);
  }

  /** Has it come to an end and gives its account. What is open stays so until `kill`. */
  async account(): Promise<Account> {
    this.child.stdin!.end();
    return JSON.parse(await this.line()) as Account;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private async line(): Promise<string> {
    while (this.lines.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.lines.shift()!;
  }
}
