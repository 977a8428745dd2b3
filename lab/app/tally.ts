/** Counts what a program did and what failed, and writes both to its log now and then: a line a minute instead of one per request. */
export class Tally {
  private readonly name: string;
  private counts = new Map<string, number>();

  constructor(name: string, intervalMs: number) {
    this.name = name;
    setInterval(() => this.write(), intervalMs);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Counts a failure by what was tried and the system's code for why not. */
  fail(what: string, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    this.count(`${what}: ${code ?? message}`);
  }

  private write(): void {
    if (this.counts.size === 0) return;
    const parts = [...this.counts].map(([what, count]) => `"${what}"=${count}`).sort();
    console.error(`time=${new Date().toISOString()} level=info msg="${this.name}" ${parts.join(' ')}`);
    this.counts = new Map();
  }
}
