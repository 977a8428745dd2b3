import { escapeJson } from '../../proto/flow/text/json-string.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';

/** How lists are printed. */
export type ListFormat = 'table' | 'wide' | 'json';

/** A column of a list. */
export interface Column<T> {
  readonly title: string;
  /** Only in the wide form. */
  readonly isWide?: boolean;
  /** Left out where no row has anything in it. */
  readonly isOptional?: boolean;
  readonly text: (row: T) => string;
}

/** Rows in columns, with a title in each; safe for a terminal, whatever a server put into them. An empty cell is a dash. */
export function columnsText<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  format: ListFormat,
): string {
  const cells = columns
    .filter(({ isWide }) => format === 'wide' || isWide !== true)
    .map(({ title, isOptional, text }) => ({ title, isOptional, texts: rows.map(text) }))
    .filter(({ isOptional, texts }) => isOptional !== true || texts.some((text) => text !== ''));
  const safe = (text: string): string =>
    escapeTerminal(text === '' ? '-' : text, false).replace(/[\n\t\v\f]/g, ' ');
  return formatTable([
    cells.map(({ title }) => title),
    ...rows.map((_, i) => cells.map(({ texts }) => safe(texts[i]))),
  ]);
}

/** A JSON array, indented; safe for a terminal. */
export function listJson(values: readonly unknown[]): string {
  return `${escapeJson(JSON.stringify(values, null, 2))}\n`;
}
