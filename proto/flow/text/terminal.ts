/** Colours by SGR number (ECMA-48 8.3.117). */
const colours = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;
export type Colour = keyof typeof colours;

/** Puts colour sequences around text, or not. */
export type Paint = (colour: Colour, text: string) => string;

export const plain: Paint = (_colour, text) => text;
export const coloured: Paint = (colour, text) => `\u001b[${colours[colour]}m${text}\u001b[0m`;

/**
 * Makes text safe for a terminal: every ESC shows as `^[` and every carriage return as `\r`; nothing else changes. With colour on, the sequences that this program
 * writes itself (`ESC[31m` to `ESC[36m` and `ESC[0m`) pass, also where they are data.
 */
export function escapeTerminal(text: string, colour: boolean): string {
  const escaped = text.includes('\r') ? text.replaceAll('\r', '\\r') : text;
  if (!escaped.includes('\u001b')) return escaped;
  // oxlint-disable-next-line no-control-regex -- the control character is what is looked for
  return colour ? escaped.replace(/\u001b(?!\[(?:3[1-6]|0)m)/g, '^[') : escaped.replaceAll('\u001b', '^[');
}
