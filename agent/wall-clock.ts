/** Where a time goes: seconds since the Unix epoch and nanoseconds within the second. */
export interface Timestamped {
  seconds: number;
  nanos: number;
}

/** Two readings of the clocks differ by this much for no reason but the reading itself. */
const READING_NOISE_NS = 20_000n;
/** A wall clock that falls back by less than this is being slewed or was slightly off; by more, somebody has set it. */
const STEP_NS = 1_000_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** An offset to be added to a kernel time. */
interface Offset {
  readonly total: bigint;
  readonly seconds: number;
  readonly nanos: number;
}

function offsetOf(total: bigint): Offset {
  return { total, seconds: Number(total / NS_PER_SECOND), nanos: Number(total % NS_PER_SECOND) };
}

/**
 * Turns the kernel's monotonic time into wall-clock time. The offset between the two changes as the wall clock is slewed or set; a change counts for the events after
 * it, and a small step back makes time stand still until it is made up for, so that events stay in the order in which they happened. After a large one time does run
 * backwards: then the wall clock was wrong before, and saying so late would be wrong for longer.
 */
export class WallClock {
  private offset: Offset;
  private previous: Offset;
  /** Kernel time from which on `offset` counts. */
  private sinceNs = 0;
  /** The earliest time that is given from then on; null after a change that needs none. */
  private floor: Timestamped | null = null;

  /** @param offsetNs what to add to CLOCK_MONOTONIC, at least 0 */
  constructor(offsetNs: bigint) {
    this.offset = offsetOf(offsetNs);
    this.previous = this.offset;
  }

  /** Takes a new reading of the offset, made at kernel time `nowNs`. */
  update(offsetNs: bigint, nowNs: number): void {
    const change = offsetNs - this.offset.total;
    if (change < READING_NOISE_NS && -change < READING_NOISE_NS) return;
    this.floor = null;
    if (change < 0n && -change < STEP_NS) {
      const until = BigInt(Math.round(nowNs)) + this.offset.total;
      this.floor = { seconds: Number(until / NS_PER_SECOND), nanos: Number(until % NS_PER_SECOND) };
    }
    this.previous = this.offset;
    this.offset = offsetOf(offsetNs);
    this.sinceNs = nowNs;
  }

  /**
   * Writes the wall-clock time of kernel time `high · 2^32 + low` ns into `out`. Exact for four years of uptime, because it works on the halves: 2^32 ns are 4 s and
   * 294,967,296 ns.
   */
  stamp(low: number, high: number, out: Timestamped): void {
    const isCurrent = high * 4_294_967_296 + low >= this.sinceNs;
    const offset = isCurrent ? this.offset : this.previous;
    const nanos = high * 294_967_296 + low + offset.nanos;
    const carry = Math.floor(nanos / 1e9);
    out.seconds = offset.seconds + high * 4 + carry;
    // Below 2^30: as an integer it is cheaper for everybody who takes it from here.
    out.nanos = (nanos - carry * 1e9) | 0;
    if (this.floor !== null && isCurrent && isBefore(out, this.floor)) {
      out.seconds = this.floor.seconds;
      out.nanos = this.floor.nanos;
    }
  }
}

function isBefore(a: Timestamped, b: Timestamped): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos);
}
