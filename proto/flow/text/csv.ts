/** Cells as a line of CSV (RFC 4180, but with a plain line break): in quotes where one needs them. */
export function csvLine(cells: readonly (string | number)[]): string {
  const line = cells.map((cell) => {
    const text = String(cell);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${line.join(',')}\n`;
}
