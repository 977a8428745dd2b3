/**
 * Columns as Go's text/tabwriter aligns them (with padding 3, blanks, no trailing cell padded): a column's width counts over a run of neighbouring rows that have the
 * column, a row's last cell not counting as having it.
 */
const PADDING = 3;

/** Control characters in cells act as in tabwriter: tab and vertical tab end a cell, a line break a row, a form feed a row and every run. */
function toCells(rows: readonly (readonly string[])[]): { cells: string[]; breaks: boolean }[] {
  const text = rows.map((row) => row.join('\t')).join('\n');
  const out: { cells: string[]; breaks: boolean }[] = [];
  for (const piece of text.split(/(?<=[\n\f])/)) {
    const end = piece.at(-1);
    const body = end === '\n' || end === '\f' ? piece.slice(0, -1) : piece;
    out.push({ cells: body.split(/[\t\v]/), breaks: end === '\f' });
  }
  return out;
}

/** Code points, as the reference counts. */
const width = (cell: string): number => Array.from(cell).length;

/** Prints rows as aligned lines. Nothing for no rows. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const lines = toCells(rows);
  const widths: number[][] = lines.map(() => []);
  layOut(lines, widths, 0, lines.length, 0);
  return lines
    .map(({ cells }, i) =>
      cells
        .map((cell, column) =>
          column === cells.length - 1 ? cell : cell + ' '.repeat(widths[i][column] - width(cell)),
        )
        .join(''),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** Sets the width of `column` for lines [from, to), run by run, then goes on inside each run with the next column. */
function layOut(
  lines: readonly { cells: readonly string[]; breaks: boolean }[],
  widths: number[][],
  from: number,
  to: number,
  column: number,
): void {
  for (let start = from; start < to; start++) {
    if (lines[start].cells.length - 1 <= column) continue;
    let end = start;
    let widest = 0;
    while (end < to && lines[end].cells.length - 1 > column) {
      widest = Math.max(widest, width(lines[end].cells[column]) + PADDING);
      end++;
      if (lines[end - 1].breaks) break;
    }
    for (let i = start; i < end; i++) widths[i][column] = widest;
    layOut(lines, widths, start, end, column + 1);
    start = end - 1;
  }
}
