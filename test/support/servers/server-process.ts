import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A server of a test, as a process of its own. */
export class ServerProcess {
  /** The end of what it printed. */
  output = '';
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;

  constructor(program: string, args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
    this.child = spawn(program, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output = (this.output + data.toString()).slice(-100_000);
      });
    }
    this.closed = once(this.child, 'close');
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Waits until `isReady` says so. Throws Error with what the server printed last when it ends before, or takes longer than a minute and a half. */
  async ready(isReady: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 90_000;
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
    if (!this.hasEnded) this.child.kill(signal);
    await this.closed;
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
