/** Waits between tries: doubled each time up to a limit, each shortened at random by up to a half, so that many do not come back in step. */
export class RetryWait {
  private readonly firstMs: number;
  private readonly maxMs: number;
  private nextMs: number;

  constructor(firstMs: number, maxMs: number) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
    this.nextMs = firstMs;
  }

  /** The next wait, in ms. */
  next(): number {
    const waitMs = this.nextMs * (1 - Math.random() / 2);
    this.nextMs = Math.min(this.nextMs * 2, this.maxMs);
    return waitMs;
  }

  /** After a success: the next failure begins anew. */
  reset(): void {
    this.nextMs = this.firstMs;
  }
}
