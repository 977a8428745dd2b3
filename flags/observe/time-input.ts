import { parseGoDuration } from '../../proto/flow/text/go-duration.ts';
import { invalidValue } from '../flag-spec.ts';

/** A point in time: seconds since 1970 and nanoseconds on top. */
export interface TimePoint {
  readonly seconds: bigint;
  readonly nanos: number;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const date = String.raw`(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})`;
const zone = String.raw`(?:Z|(?<sign>[+-])(?<zoneHours>\d{2}):(?<zoneMinutes>\d{2}))`;
// As Go's time.Parse reads its layouts: an hour may have one digit, seconds may have a fraction behind a dot or a comma.
const hour = String.raw`(?<hour>\d{1,2})`;
const minute = String.raw`(?<minute>\d{2})`;
const second = String.raw`(?<second>\d{2})(?:[.,](?<fraction>\d+))?`;
const forms: readonly RegExp[] = [
  `^${date}$`,
  `^${date}T${hour}${zone}$`,
  `^${date}T${hour}:${minute}${zone}$`,
  `^${date}T${hour}:${minute}:${second}${zone}$`,
  String.raw`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), +(?<day>\d{2}) +(?<monthName>[A-Z]{3}) +(?<year>\d{4}) +` +
    `${hour}:${minute}:${second}` +
    String.raw` +(?<sign>[+-])(?<zoneHours>\d{2})(?<zoneMinutes>\d{2})$`,
].map((form) => new RegExp(form, form.includes('monthName') ? 'i' : ''));

function readTime(groups: Readonly<Record<string, string | undefined>>): TimePoint | null {
  const number = (name: string): number => Number(groups[name] ?? '0');
  const month =
    groups['monthName'] === undefined
      ? number('month')
      : months.indexOf(groups['monthName'].toLowerCase()) + 1;
  const [year, day, hours, minutes, seconds] = ['year', 'day', 'hour', 'minute', 'second'].map(number);
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  time.setUTCHours(hours, minutes, seconds);
  const exists =
    year >= 1 &&
    time.getUTCMonth() === month - 1 &&
    time.getUTCDate() === day &&
    hours < 24 &&
    minutes < 60 &&
    seconds < 60 &&
    number('zoneHours') <= 24 &&
    number('zoneMinutes') <= 60;
  if (!exists) return null;
  const offset = (number('zoneHours') * 60 + number('zoneMinutes')) * 60 * (groups['sign'] === '-' ? -1 : 1);
  const nanos = Number((groups['fraction'] ?? '').slice(0, 9).padEnd(9, '0'));
  return { seconds: BigInt(time.getTime() / 1000 - offset), nanos };
}

/** Reads a time as `--since` and `--until` take it: a duration back from now, or a date in one of Hubble's forms. Throws UsageError. */
export function parseTimeInput(flag: string, text: string, nowMs: number): TimePoint {
  const agoNs = parseGoDuration(text);
  if (agoNs !== null) {
    const ns = BigInt(nowMs) * 1_000_000n - agoNs;
    const nanos = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n; // never negative, also before 1970
    return { seconds: (ns - nanos) / 1_000_000_000n, nanos: Number(nanos) };
  }
  for (const form of forms) {
    const groups = form.exec(text)?.groups;
    const time = groups === undefined ? null : readTime(groups);
    if (time !== null) return time;
  }
  throw invalidValue(
    flag,
    text,
    'a duration back from now (90s, 1h30m) or a time with its zone (2026-03-04T09:15:22Z)',
  );
}
