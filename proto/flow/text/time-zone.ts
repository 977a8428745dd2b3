/** No clock is changed within a quarter of an hour: so long an offset is remembered. */
const QUARTER_MS = 15 * 60_000;

/**
 * How many minutes a time zone is ahead of UTC at a time in milliseconds since 1970: `UTC`, `local` for that of this machine, or a name of the IANA data base. Offsets of long
 * ago that have seconds are rounded. Throws RangeError for a zone that does not exist.
 */
export function zoneOffset(timeZone: string): (ms: number) => number {
  if (timeZone === 'UTC') return () => 0;
  const clock = new Intl.DateTimeFormat('en-US', {
    ...(timeZone.toLowerCase() !== 'local' && { timeZone }),
    timeZoneName: 'longOffset',
  });
  let quarter = NaN;
  let offsetMinutes = 0;
  return (ms) => {
    // Flows come in the order of time: nearly all share the quarter with the one before.
    if (Math.floor(ms / QUARTER_MS) !== quarter) {
      quarter = Math.floor(ms / QUARTER_MS);
      offsetMinutes = readOffset(clock, ms);
    }
    return offsetMinutes;
  };
}

/** Reads `GMT`, `GMT+01:00`, `GMT-00:01:15`. */
function readOffset(clock: Intl.DateTimeFormat, ms: number): number {
  const text = clock.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const match = /([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text);
  if (match === null) return 0;
  const [, sign, hours, minutes, seconds = '0'] = match;
  const total = Number(hours) * 60 + Math.round(Number(minutes) + Number(seconds) / 60);
  return sign === '-' ? -total : total;
}
