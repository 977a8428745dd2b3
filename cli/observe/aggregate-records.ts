import type { RowCounts } from '../../proto/flow/aggregate/list-rows.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import type { ShownRow, ShownRows } from './aggregate-tally.ts';

/** How records are written. */
export interface RecordOptions {
  readonly keyNames: readonly string[];
  /** Put the time of the answer and rates into each record: they are of an interval. */
  readonly isFollowing: boolean;
}

const countNames = ['flows', 'forwarded', 'dropped', 'audited', 'errors', 'redirected'] as const;

/** A moment as RFC 3339; empty when it is not known. */
function timeText(us: number): string {
  return us === 0
    ? ''
    : new Date(us / 1000).toISOString().replace('Z', `${String(us % 1000).padStart(3, '0')}Z`);
}

function fieldNames({ keyNames, isFollowing }: RecordOptions): string[] {
  return [
    ...(isFollowing ? ['time'] : []),
    ...keyNames.map((name) => name.replaceAll('-', '_')),
    ...countNames,
    ...(isFollowing ? ['flows_per_second', 'drops_per_second'] : []),
    'first_seen',
    'last_seen',
  ];
}

type Values = readonly (string | number | null)[];

function valuesOf(
  texts: readonly string[],
  counts: RowCounts,
  rates: readonly (number | null)[],
  time: string,
  { isFollowing }: RecordOptions,
): Values {
  return [
    ...(isFollowing ? [time] : []),
    ...texts,
    ...countNames.map((name) => counts[name]),
    ...(isFollowing ? rates : []),
    timeText(counts.firstUs),
    timeText(counts.lastUs),
  ];
}

const ratesOf = ({ flowsPerSecond, dropsPerSecond }: ShownRow): readonly number[] =>
  [flowsPerSecond, dropsPerSecond].map((rate) => Math.round(rate * 1000) / 1000);

/** Rows as JSON, an object a line; rows that were left out as one with `"others":true`. */
export function jsonRecords(shown: ShownRows, nowMs: number, options: RecordOptions): string {
  const names = fieldNames(options);
  const time = new Date(nowMs).toISOString();
  const line = (values: Values, more: object = {}): string =>
    `${JSON.stringify({ ...Object.fromEntries(names.map((name, i) => [name, values[i]])), ...more })}\n`;
  let text = shown.rows.map((row) => line(valuesOf(row.texts, row, ratesOf(row), time, options))).join('');
  if (shown.others.flows > 0) {
    const counts = Object.fromEntries(countNames.map((name) => [name, shown.others[name]]));
    const record = {
      ...(options.isFollowing && { time }),
      others: true,
      rows: Math.max(0, shown.otherRows),
      ...counts,
    };
    text += `${JSON.stringify(record)}\n`;
  }
  if (shown.maxMissingFlows > 0) text += `${JSON.stringify({ max_missing_flows: shown.maxMissingFlows })}\n`;
  return text;
}

/** The first line of CSV. */
export function csvHeader(options: RecordOptions): string {
  return `${fieldNames(options).join(',')}\n`;
}

/** Rows as CSV (RFC 4180); rows that were left out as one in which all keys are `(others)`. */
export function csvRecords(shown: ShownRows, nowMs: number, options: RecordOptions): string {
  const time = new Date(nowMs).toISOString();
  const line = (values: Values): string => `${values.map(csvField).join(',')}\n`;
  const lines = shown.rows.map((row) => line(valuesOf(row.texts, row, ratesOf(row), time, options)));
  if (shown.others.flows > 0) {
    const texts = options.keyNames.map(() => '(others)');
    lines.push(line(valuesOf(texts, shown.others, [null, null], time, options)));
  }
  return lines.join('');
}

function csvField(value: string | number | null): string {
  const text = escapeTerminal(String(value ?? ''), false);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
