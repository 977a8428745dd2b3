import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Pod } from '../../../bench/support/two-nodes.ts';

const program = `${import.meta.dirname}/probe.ts`;
/** What is expected to pass may take so long on a busy machine. */
const PATIENCE_MS = 8000;
/** What is expected to be dropped is waited for so long: more than the first retransmission of a SYN would not tell more. */
const SILENCE_MS = 400;

/** A process in a pod that tries what policies let through. */
export class Prober {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<string, (result: string) => void>();
  private nextId = 1;
  private isGone = false;

  constructor({ netns }: Pick<Pod, 'netns'>) {
    const flags = ['--disable-warning=ExperimentalWarning', program];
    this.child = spawn('nsenter', [`--net=/run/netns/${netns}`, process.execPath, ...flags], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      const [id, ...result] = line.split(' ');
      this.waiting.get(id)?.(result.join(' '));
      this.waiting.delete(id);
    });
    this.child.once('exit', () => {
      this.isGone = true;
      for (const answer of this.waiting.values()) answer('the prober is gone');
    });
    // Written to after its end: what is asked then is answered below.
    this.child.stdin!.on('error', () => undefined);
  }

  /** Echoes on a port from then on. */
  async serve(protocol: 'tcp' | 'udp', address: string, port: number): Promise<void> {
    await this.tell('serve', protocol, address, port);
  }

  /** Says on a port to whoever speaks there how it sees him. */
  async serveNames(protocol: 'tcp' | 'udp', address: string, port: number): Promise<void> {
    await this.tell('tell', protocol, address, port);
  }

  /** How such a port sees this pod: "ADDRESS PORT", or "silence", or an error's code. */
  see(protocol: 'tcp' | 'udp', address: string, port: number, from = 0): Promise<string> {
    return this.tell('see', protocol, address, port, PATIENCE_MS, from);
  }

  /** Whether a word comes back: "echoed", "silence", or an error's code. */
  ask(protocol: 'tcp' | 'udp', address: string, port: number, ms = PATIENCE_MS): Promise<string> {
    return this.tell('ask', protocol, address, port, ms);
  }

  /** The same where silence is expected. */
  askBriefly(protocol: 'tcp' | 'udp', address: string, port: number): Promise<string> {
    return this.ask(protocol, address, port, SILENCE_MS);
  }

  /** A TCP connection that stays open; the function sends a word over it. */
  async open(address: string, port: number): Promise<(ms?: number) => Promise<string>> {
    const id = String(this.nextId);
    const result = await this.tell('open', address, port, PATIENCE_MS);
    if (result !== 'opened') throw new Error(`connection to ${address} port ${port}: ${result}`);
    return (ms = PATIENCE_MS) => this.tell('say', id, ms);
  }

  end(): void {
    this.child.stdin!.end();
  }

  private tell(...words: readonly (string | number)[]): Promise<string> {
    if (this.isGone) return Promise.resolve('the prober is gone');
    const id = String(this.nextId++);
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.child.stdin!.write(`${[id, ...words].join(' ')}\n`);
    });
  }
}
