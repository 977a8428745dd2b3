import type { RowCounts } from '../../proto/flow/aggregate/list-rows.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import type { ShownRow, ShownRows } from './aggregate-tally.ts';

/** A column of a table: texts to the left, numbers to the right. */
export interface Column {
  /** As `--sort-by` names it. */
  readonly name: string;
  readonly title: string;
  readonly isNumber: boolean;
  readonly cell: (row: ShownRow) => string;
  /** The same of the rows that are left out. */
  readonly others: (others: RowCounts) => string;
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A count in groups of three digits. */
export function countText(count: number): string {
  return grouped.format(count);
}

/** A rate: with one digit behind the point below 100. */
export function rateText(rate: number): string {
  return rate === 0 ? '0' : rate < 100 ? oneDigit.format(rate) : grouped.format(rate);
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const control = /[\u0000-\u001a\u001c-\u001f\u007f-\u009f]/g;

/** A key's text for a table: safe for a terminal, in one line; `-` for nothing. */
export function keyCell(text: string): string {
  if (text === '') return '-';
  const escaped = text.replace(control, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return escapeTerminal(escaped, false);
}

type Count = 'flows' | 'forwarded' | 'dropped' | 'audited' | 'errors' | 'redirected';

const counts: readonly (readonly [Count, string])[] = [
  ['flows', 'FLOWS'],
  ['forwarded', 'FORWARDED'],
  ['dropped', 'DROPPED'],
  ['audited', 'AUDITED'],
  ['errors', 'ERRORS'],
  ['redirected', 'REDIRECTED'],
];

/** Verdicts that are rare have a column only when there is something in it. */
const rare: ReadonlySet<Count> = new Set(['audited', 'errors', 'redirected']);

/** How a table is laid out. */
export interface ColumnOptions {
  readonly keyNames: readonly string[];
  /** Show what happens in a second. */
  readonly hasRates: boolean;
  /** The column that rows are sorted by, which is shown in any case. */
  readonly sortName: string;
  readonly time: (us: number) => string;
}

/** The columns for some rows. */
export function columnsFor({ rows, others }: ShownRows, options: ColumnOptions): Column[] {
  const { keyNames, hasRates, sortName, time } = options;
  const keys = keyNames.map((name, i): Column => ({
    name,
    title: name.toUpperCase().replaceAll('-', ' '),
    isNumber: false,
    cell: ({ texts }) => keyCell(texts[i]),
    others: () => '',
  }));
  const shownCounts = counts.filter(
    ([count]) =>
      !rare.has(count) || sortName === count || others[count] > 0 || rows.some((row) => row[count] > 0),
  );
  const rate = (name: string, title: string, value: (row: ShownRow) => number): Column => ({
    name,
    title,
    isNumber: true,
    cell: (row) => rateText(value(row)),
    others: () => '',
  });
  const lastSeen: Column = {
    name: 'last-seen',
    title: 'LAST SEEN',
    isNumber: true,
    cell: ({ lastUs }) => time(lastUs),
    others: ({ lastUs }) => time(lastUs),
  };
  return [
    ...keys,
    ...shownCounts.map(([count, title]): Column => ({
      name: count,
      title,
      isNumber: true,
      cell: (row) => countText(row[count]),
      others: (sum) => countText(sum[count]),
    })),
    ...(hasRates
      ? [
          rate('flows/s', 'FLOWS/S', ({ flowsPerSecond }) => flowsPerSecond),
          rate('drops/s', 'DROPS/S', ({ dropsPerSecond }) => dropsPerSecond),
        ]
      : []),
    ...(sortName === 'last-seen' ? [lastSeen] : []),
  ];
}
