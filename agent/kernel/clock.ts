import { c } from './ffi.ts';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

const time = new BigInt64Array(2);

function readClockNs(clock: number): bigint {
  c.clockGettime(clock, time);
  return time[0] * 1_000_000_000n + time[1];
}

/**
 * What has to be added to CLOCK_MONOTONIC (the clock of the programs' events) to get CLOCK_REALTIME now. Steps of the wall clock change it, so it has to be read
 * again from time to time; the tightest of three readings is taken, since the thread may be put aside between the two clocks.
 */
export function realtimeOffsetNs(): bigint {
  let best = 0n;
  let bestSpan = -1n;
  for (let i = 0; i < 3; i++) {
    const before = readClockNs(CLOCK_MONOTONIC);
    const real = readClockNs(CLOCK_REALTIME);
    const span = readClockNs(CLOCK_MONOTONIC) - before;
    if (bestSpan < 0n || span < bestSpan) {
      bestSpan = span;
      best = real - before - span / 2n;
    }
  }
  return best;
}
