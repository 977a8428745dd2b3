/**
 * Columns as Go's text/tabwriter aligns them with padding 3: a column is as wide as its widest cell in a run of neighbouring lines that have the column. A line's last
 * cell is not padded, and does not count as having its column: so a short line ends the runs of the columns that it lacks.
 */
const PADDING = 3;

/** A line after the control characters in its cells have done their work. */
interface Line {
  readonly cells: readonly string[];
  /** Ended by a form feed, at which every run ends. */
  readonly isBreak: boolean;
  readonly widths: number[];
}

/** Tab and vertical tab in a value end the cell, a line break or form feed the line. */
function toLines(rows: readonly (readonly string[])[]): Line[] {
  const text = rows.map((row) => `${row.join('\t')}\n`).join('');
  return [...text.matchAll(/([^\n\f]*)([\n\f])/g)].map(([, body, end]) => ({
    cells: body.split(/[\t\v]/),
    isBreak: end === '\f',
    widths: [],
  }));
}

/** Code points, whatever the terminal makes of them. */
function widthOf(cell: string): number {
  let width = 0;
  for (const _ of cell) width++;
  return width;
}

/** Prints rows as aligned lines; nothing for no rows. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const lines = toLines(rows);
  layOut(lines);
  return lines
    .map(({ cells, widths }) => {
      const padded = cells
        .slice(0, -1)
        .map((cell, column) => cell + ' '.repeat(widths[column] - widthOf(cell)));
      return `${padded.join('')}${cells.at(-1)}\n`;
    })
    .join('');
}

/** Sets the widths of a column run by run, and in each run those of the column behind it. */
function layOut(lines: readonly Line[]): void {
  // A list of what is to do, not recursion: a value from the network may hold any number of tabs.
  const spans = [{ from: 0, to: lines.length, column: 0 }];
  for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
    const { from, to, column } = span;
    let start = from;
    while (start < to) {
      if (!hasColumn(lines[start], column)) {
        start++;
        continue;
      }
      let end = start;
      let widest = 0;
      do {
        widest = Math.max(widest, widthOf(lines[end].cells[column]) + PADDING);
        end++;
      } while (end < to && hasColumn(lines[end], column) && !lines[end - 1].isBreak);
      for (let i = start; i < end; i++) lines[i].widths[column] = widest;
      spans.push({ from: start, to: end, column: column + 1 });
      start = end;
    }
  }
}

function hasColumn({ cells }: Line, column: number): boolean {
  return column < cells.length - 1;
}
