import { create } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { UsageError } from '../flags/flag-spec.ts';
import { parseGoDuration } from '../flags/go-duration.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const zone = '(Z|[+-]\\d{2}:\\d{2})';
const patterns = [
  /^(\d{4})-(\d{2})-(\d{2})$/,
  new RegExp(`^(\\d{4})-(\\d{2})-(\\d{2})T(\\d{2})${zone}$`),
  new RegExp(`^(\\d{4})-(\\d{2})-(\\d{2})T(\\d{2}):(\\d{2})${zone}$`),
  new RegExp(`^(\\d{4})-(\\d{2})-(\\d{2})T(\\d{2}):(\\d{2}):(\\d{2})(?:[.,](\\d+))?${zone}$`),
];
const rfc1123z = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{2})(\d{2})$/;

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanos: number;
  readonly zone: string;
}

function readFields(text: string): Fields | null {
  const mail = rfc1123z.exec(text);
  if (mail !== null) {
    const [day, year, hour, minute, second] = [mail[1], mail[3], mail[4], mail[5], mail[6]].map(Number);
    const month = months.indexOf(mail[2]) + 1;
    return { year, month, day, hour, minute, second, nanos: 0, zone: `${mail[7]}:${mail[8]}` };
  }
  for (const [form, pattern] of patterns.entries()) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const [year, month, day] = match.slice(1, 4).map(Number);
    const clock = form === 0 ? [] : match.slice(4, 4 + form).map(Number);
    const [hour = 0, minute = 0, second = 0] = clock;
    const nanos = form === 3 ? Number((match[7] ?? '').padEnd(9, '0').slice(0, 9)) : 0;
    return { year, month, day, hour, minute, second, nanos, zone: form === 0 ? 'Z' : match.at(-1)! };
  }
  return null;
}

function toTimestamp(fields: Fields): Timestamp | null {
  const { year, month, day, hour, minute, second, nanos } = fields;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const exists =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!exists || year < 1) return null;
  const [, sign, hours, minutes] = /^([+-])(\d{2}):(\d{2})$/.exec(fields.zone) ?? [];
  const offset =
    hours === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * 60 * (sign === '-' ? -1 : 1);
  return create(TimestampSchema, { seconds: BigInt(date.getTime() / 1000 - offset), nanos });
}

/** Reads a time as `--since` and `--until` take it: a duration back from now, or a date. Throws UsageError. */
export function parseTimeInput(flag: string, text: string, nowMs: number): Timestamp {
  const ago = parseGoDuration(text);
  if (ago !== null) {
    const ns = BigInt(Math.round(nowMs * 1e6)) - BigInt(Math.round(ago));
    const seconds = ns / 1_000_000_000n - (ns % 1_000_000_000n < 0n ? 1n : 0n);
    return create(TimestampSchema, { seconds, nanos: Number(ns - seconds * 1_000_000_000n) });
  }
  const fields = readFields(text);
  const time = fields === null ? null : toTimestamp(fields);
  if (time === null) {
    throw new UsageError(
      `invalid value "${text}" for ${flag}: expected a duration back from now (90s, 1h30m) or a time with its zone (2026-03-04T09:15:22Z)`,
    );
  }
  return time;
}
