/** How fast a rate follows what happens. */
const SETTLE_SECONDS = 4;

/** A rate per second that follows counts smoothly. */
export function followRate(rate: number, count: number, seconds: number): number {
  if (seconds <= 0) return rate;
  const weight = 1 - Math.exp(-seconds / SETTLE_SECONDS);
  const next = rate + (count / seconds - rate) * weight;
  return next < 0.005 && count === 0 ? 0 : next;
}
