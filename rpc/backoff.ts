/** Waits between attempts: from `firstMs`, doubled each time, up to `maxMs`, each shortened by up to a third at random, so that a fleet does not come back in step. */
export class Backoff {
  private readonly firstMs: number;
  private readonly maxMs: number;
  private readonly random: () => number;
  private nextMs: number;

  constructor(firstMs: number, maxMs: number, random: () => number = Math.random) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
    this.random = random;
    this.nextMs = firstMs;
  }

  /** The next wait, in ms. */
  next(): number {
    const waitMs = this.nextMs * (1 - this.random() / 3);
    this.nextMs = Math.min(this.nextMs * 2, this.maxMs);
    return waitMs;
  }

  /** After a success: the next failure begins anew. */
  reset(): void {
    this.nextMs = this.firstMs;
  }
}
