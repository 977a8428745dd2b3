/** How fast a rate follows what happens. */
const SETTLE_SECONDS = 4;

/** A rate per second that follows counts smoothly. */
export function followRate(
  rate: number,
  count: number,
  seconds: number,
  settleSeconds: number = SETTLE_SECONDS,
): number {
  if (seconds <= 0) return rate;
  const weight = 1 - Math.exp(-seconds / settleSeconds);
  const next = rate + (count / seconds - rate) * weight;
  return next < 0.005 && count === 0 ? 0 : next;
}
