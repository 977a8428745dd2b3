import { escapeTerminal } from '../../proto/flow/text/terminal.ts';

/** A record of CSV (RFC 4180), safe for a terminal. */
export function csvLine(values: readonly (string | number)[]): string {
  const fields = values.map((value) => {
    const text = escapeTerminal(String(value), false);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${fields.join(',')}\n`;
}
