/** What is counted for a row, side by side in a Float64Array: counts of flows, then microseconds since the epoch (0 = not known). */
export const FLOWS = 0;
export const FORWARDED = 1;
export const DROPPED = 2;
export const AUDITED = 3;
export const ERRORS = 4;
export const REDIRECTED = 5;
export const FIRST_US = 6;
export const LAST_US = 7;
export const MEASURES = 8;

/** The measure in which a flow with a verdict (by its number) counts beside FLOWS; FLOWS itself for those that have none. */
const measureOfVerdict = Uint8Array.of(FLOWS, FORWARDED, DROPPED, ERRORS, AUDITED, REDIRECTED);

/** Times above, of the year 2255, are no times: what is not exact as a number is not passed on. */
const MAX_US = Number.MAX_SAFE_INTEGER;

/** Counts one flow at `sums[at, at + MEASURES)`. `timeUs` 0: not known. */
export function countFlow(sums: Float64Array, at: number, verdict: number, timeUs: number): void {
  sums[at]++;
  const measure = verdict > 0 && verdict < measureOfVerdict.length ? measureOfVerdict[verdict] : FLOWS;
  if (measure !== FLOWS) sums[at + measure]++;
  countTimes(sums, at, timeUs, timeUs);
}

/** Adds `from[fromAt, …)` to `sums[at, …)`. */
export function addMeasures(sums: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  for (let i = 0; i < FIRST_US; i++) sums[at + i] += from[fromAt + i];
  countTimes(sums, at, from[fromAt + FIRST_US], from[fromAt + LAST_US]);
}

function countTimes(sums: Float64Array, at: number, firstUs: number, lastUs: number): void {
  const first = sums[at + FIRST_US];
  if (firstUs > 0 && firstUs <= MAX_US && (first === 0 || firstUs < first)) sums[at + FIRST_US] = firstUs;
  if (lastUs > sums[at + LAST_US] && lastUs <= MAX_US) sums[at + LAST_US] = lastUs;
}

/** Fits any number of flows below 2^34 behind the point, so that rows that are equal otherwise are ranked by their flows. */
const TIE_BREAK = 2 ** 34;

/** A number that is the higher, the more a row is worth keeping. */
export function rankOf(sums: Float64Array, at: number, measure: number): number {
  const value = sums[at + measure];
  return measure === FLOWS || measure === LAST_US ? value : value + sums[at] / TIE_BREAK;
}
