import { type Column, countText } from './aggregate-columns.ts';
import type { ShownRows } from './aggregate-tally.ts';

/** Blanks between two columns. */
const GAP = 2;
/** A text column is not made narrower than this to fit a screen. */
const MIN_TEXT_WIDTH = 12;

/** A table as lines. */
export interface TableLines {
  readonly header: string;
  readonly lines: readonly string[];
}

/** Aligned lines: a header, the rows, and one for all other rows. With `width`, texts are cut so that lines are no longer than that, if they can be. */
export function tableLines(
  columns: readonly Column[],
  shown: ShownRows,
  width = Number.POSITIVE_INFINITY,
): TableLines {
  const cells = shown.rows.map((row) => columns.map((column) => column.cell(row)));
  if (shown.others.flows > 0) {
    const name = shown.otherRows > 0 ? `(${countText(shown.otherRows)} more)` : '(others)';
    cells.push(columns.map((column, i) => (i === 0 ? name : column.others(shown.others))));
  }
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, i) =>
    [titles, ...cells].reduce((widest, line) => Math.max(widest, widthOf(line[i])), 0),
  );
  narrow(columns, widths, width);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => fit(text, widths[i], columns[i].isNumber))
      .join(' '.repeat(GAP))
      .trimEnd();
  return { header: line(titles), lines: cells.map(line) };
}

/** Takes from the widest text columns what the lines are too long. */
function narrow(columns: readonly Column[], widths: number[], width: number): void {
  let excess = widths.reduce((sum, each) => sum + each, GAP * (widths.length - 1)) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [i, { isNumber }] of columns.entries()) {
      if (!isNumber && widths[i] > MIN_TEXT_WIDTH && (widest < 0 || widths[i] > widths[widest])) widest = i;
    }
    if (widest < 0) return;
    widths[widest]--;
    excess--;
  }
}

/** Code points, whatever the terminal makes of them. */
function widthOf(text: string): number {
  let width = 0;
  for (const _ of text) width++;
  return width;
}

function fit(text: string, width: number, isNumber: boolean): string {
  const length = widthOf(text);
  if (length > width) return `${cutText(text, width - 1)}…`;
  const blanks = ' '.repeat(width - length);
  return isNumber ? blanks + text : text + blanks;
}

/** The first `width` characters of a text. */
export function cutText(text: string, width: number): string {
  return text.length <= width ? text : Array.from(text).slice(0, width).join('');
}
