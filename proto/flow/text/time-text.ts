import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { isValidTime } from './json-time.ts';
import { zoneOffset } from './time-zone.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

const pad = (value: number, width: number): string => String(value).padStart(width, '0');

interface Parts {
  /** Its UTC fields are those of the clock in the time zone. */
  readonly date: Date;
  readonly nanos: number;
  /** How far that clock is ahead of UTC. */
  readonly offsetMinutes: number;
}

const ymd = ({ date }: Parts): string =>
  `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`;
const hms = ({ date }: Parts): string =>
  `${pad(date.getUTCHours(), 2)}:${pad(date.getUTCMinutes(), 2)}:${pad(date.getUTCSeconds(), 2)}`;

/** `+01:00`, with `separator` between hours and minutes. */
function offset({ offsetMinutes }: Parts, separator: string): string {
  const minutes = Math.abs(offsetMinutes);
  const sign = offsetMinutes < 0 ? '-' : '+';
  return `${sign}${pad(Math.floor(minutes / 60), 2)}${separator}${pad(minutes % 60, 2)}`;
}

/** As in RFC 3339: `Z` for UTC. */
const zone = (parts: Parts): string => (parts.offsetMinutes === 0 ? 'Z' : offset(parts, ':'));

/** Fraction of so many digits, cut and not rounded, without trailing zeros and without a lonely dot. */
function trimmedFraction(nanos: number, digits: number): string {
  const text = pad(nanos, 9).slice(0, digits).replace(/0+$/, '');
  return text === '' ? '' : `.${text}`;
}

const rfc3339 = (parts: Parts, digits: number): string =>
  `${ymd(parts)}T${hms(parts)}${trimmedFraction(parts.nanos, digits)}${zone(parts)}`;

/** Time formats by lower-case name. */
const formats: Readonly<Record<string, (parts: Parts) => string>> = {
  stampmilli: (parts) =>
    `${months[parts.date.getUTCMonth()]} ${String(parts.date.getUTCDate()).padStart(2)} ${hms(parts)}.${pad(parts.nanos, 9).slice(0, 3)}`,
  yearmonthday: ymd,
  yearmonthdayhour: (parts) => `${ymd(parts)}T${pad(parts.date.getUTCHours(), 2)}${zone(parts)}`,
  yearmonthdayhourminute: (parts) => `${ymd(parts)}T${hms(parts).slice(0, 5)}${zone(parts)}`,
  rfc3339: (parts) => rfc3339(parts, 0),
  rfc3339milli: (parts) => rfc3339(parts, 3),
  rfc3339micro: (parts) => rfc3339(parts, 6),
  rfc3339nano: (parts) => rfc3339(parts, 9),
  rfc1123z: (parts) =>
    `${weekdays[parts.date.getUTCDay()]}, ${pad(parts.date.getUTCDate(), 2)} ${months[parts.date.getUTCMonth()]} ${pad(parts.date.getUTCFullYear(), 4)} ${hms(parts)} ${offset(parts, '')}`,
};

/** Names of the formats, as a person writes them. */
export const timeFormatNames = [
  'StampMilli',
  'YearMonthDay',
  'YearMonthDayHour',
  'YearMonthDayHourMinute',
  'RFC3339',
  'RFC3339Milli',
  'RFC3339Micro',
  'RFC3339Nano',
  'RFC1123Z',
];

/** Prints a timestamp; absent or impossible ones as `N/A`. */
export type TimeFormat = (time: Timestamp | undefined) => string;

/**
 * A function that prints timestamps in a format (any case; unknown names mean StampMilli) as the clock of a time zone shows them: `UTC`, `local`, or a name such as
 * `Europe/Zurich`. Throws RangeError for a zone that does not exist.
 */
export function compileTimeFormat(name: string, timeZone = 'UTC'): TimeFormat {
  const format = Object.hasOwn(formats, name.toLowerCase())
    ? formats[name.toLowerCase()]
    : formats['stampmilli'];
  const offsetMinutesAt = zoneOffset(timeZone);
  return (time) => {
    if (time === undefined || !isValidTime(time)) return 'N/A';
    const ms = Number(time.seconds) * 1000;
    const offsetMinutes = offsetMinutesAt(ms);
    return format({ date: new Date(ms + offsetMinutes * 60_000), nanos: time.nanos, offsetMinutes });
  };
}
