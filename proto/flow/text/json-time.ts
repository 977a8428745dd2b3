import type { Timestamp } from '@bufbuild/protobuf/wkt';

/** Years 1 to 9999. */
const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;

/** Whether a timestamp is one: years 1 to 9999, and nanoseconds below a second. */
export function isValidTime({ seconds, nanos }: Timestamp): boolean {
  return seconds >= MIN_SECONDS && seconds <= MAX_SECONDS && nanos >= 0 && nanos <= 999_999_999;
}

let lastSeconds = 0n;
let lastText = '1970-01-01T00:00:00';

/** A timestamp as proto3 JSON has it: RFC 3339 in UTC with no, 3, 6 or 9 digits of fraction. Throws RangeError for what is none. */
export function jsonTime(time: Timestamp): string {
  if (!isValidTime(time)) {
    throw new RangeError(
      `invalid timestamp: ${time.seconds} s ${time.nanos} ns is no time between the years 1 and 9999`,
    );
  }
  // Flows come thousands a second: most share it with the one before.
  if (time.seconds !== lastSeconds) {
    lastText = new Date(Number(time.seconds) * 1000).toISOString().slice(0, 19);
    lastSeconds = time.seconds;
  }
  if (time.nanos === 0) return `"${lastText}Z"`;
  const digits = String(time.nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,2}$/, '');
  return `"${lastText}.${digits}Z"`;
}
