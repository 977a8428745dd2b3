/** More flows a second than this nobody can read: from here on a sample is asked for. */
export const MAX_READABLE_RATE = 300;
/** A sample takes so many flows a second of those that are neither drops nor audits. */
export const SAMPLED_RATE = 50;
/** Below this part of the limit everything is shown again: so the table does not go back and forth. */
const CALM = 0.7;

/** What part of the flows is shown: one of so many; 1 = all. */
export interface Sampling {
  /** Of drops, audits and errors. */
  readonly weighty: number;
  readonly others: number;
}

export const everything: Sampling = { weighty: 1, others: 1 };

/** Whether to go on (or begin) with a sample at this rate per second. */
export function isSampleDue(isSampled: boolean, rate: number): boolean {
  return rate > (isSampled ? MAX_READABLE_RATE * CALM : MAX_READABLE_RATE);
}

/** One of how many is taken, when so many come and so many are taken in the same time. */
export function ratioOf(coming: number, taken: number): number {
  return taken <= 0 || coming <= taken ? 1 : coming / taken;
}

/**
 * How many flows to ask for next. Behind a relay a request gets its number from every node, so what is wanted is found by what came.
 * @param asked the number of the request before
 * @param got flows that it brought
 */
export function nextNumber(asked: number, got: number, wanted: number): number {
  if (got <= asked) return Math.max(asked, 1);
  return Math.max(1, Math.min(wanted, Math.floor((asked * wanted) / got)));
}

/** The ratio in words: `1 : 190`; empty for everything. */
export function samplingText({ weighty, others }: Sampling): string {
  const ratio = (value: number): string =>
    value < 10 ? value.toFixed(1).replace('.0', '') : String(Math.round(value));
  if (others <= 1 && weighty <= 1) return '';
  const rest = others <= 1 ? 'all others' : `1 : ${ratio(others)}`;
  return weighty <= 1
    ? `sampled ${rest} · all drops and audits`
    : `sampled ${rest} · drops and audits 1 : ${ratio(weighty)}`;
}

const MEASURED_MS = 2000;

/** Tells when flows come faster than anybody can read, for two seconds. */
export class RateMeter {
  private beganMs: number;
  private count: number;

  /**
   * @param fromMs what comes before does not count
   * @param before unless it is more than so many
   */
  constructor(fromMs: number, before: number) {
    this.beganMs = fromMs;
    this.count = -before;
  }

  /** A flow has come; whether there are too many now. */
  isTooMuch(nowMs: number): boolean {
    this.count++;
    if (nowMs < this.beganMs) return this.count > 0;
    // The first that counts ends what came before; each two seconds are judged for themselves.
    if (this.count <= 0 || nowMs - this.beganMs >= MEASURED_MS) {
      this.beganMs = nowMs;
      this.count = 1;
    }
    return this.count > (MAX_READABLE_RATE * MEASURED_MS) / 1000;
  }
}
