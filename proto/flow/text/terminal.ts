/** Colours by what they mean; see `paint`. */
export const colours = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;
export type Colour = keyof typeof colours;

/** Puts SGR sequences around text, or not. */
export type Paint = (colour: Colour, text: string) => string;

export const plain: Paint = (_colour, text) => text;
export const coloured: Paint = (colour, text) => `\u001b[${colours[colour]}m${text}\u001b[0m`;

/**
 * Makes text safe for a terminal: every ESC shows as `^[` and every carriage return as `\r`. With colours on, the sequences that this program itself writes pass.
 */
export function escapeTerminal(text: string, colour: boolean): string {
  const escaped = text.replaceAll('\r', '\\r');
  if (!escaped.includes('\u001b')) return escaped;
  // oxlint-disable-next-line no-control-regex -- the control character is what is looked for
  return colour ? escaped.replace(/\u001b(?!\[(?:3[1-6]|0)m)/g, '^[') : escaped.replaceAll('\u001b', '^[');
}
