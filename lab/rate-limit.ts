/** Lets so many things a second through, spread out, and counts the others. */
export class RateLimit {
  private readonly perSecond: number;
  private credit: number;
  private lastMs: number;
  /** Things that were not let through; whoever tells of them sets it back. */
  skipped = 0;

  /** @param nowMs a time as `take` will be given it */
  constructor(perSecond: number, nowMs: number) {
    this.perSecond = perSecond;
    this.credit = perSecond;
    this.lastMs = nowMs;
  }

  /** Whether what comes at this time may pass. */
  take(nowMs: number): boolean {
    this.credit = Math.min(this.perSecond, this.credit + ((nowMs - this.lastMs) / 1000) * this.perSecond);
    this.lastMs = nowMs;
    if (this.credit >= 1) {
      this.credit--;
      return true;
    }
    this.skipped++;
    return false;
  }
}
