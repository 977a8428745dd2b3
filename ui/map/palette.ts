const names = [
  'ground',
  'dots',
  'surface',
  'island',
  'card',
  'line',
  'strong',
  'text',
  'muted',
  'faint',
  'accent',
  'forwarded',
  'redirected',
  'dropped',
  'audit',
  'error',
  'track',
  'edge-strength',
] as const;

/** Colours of the map, from the tokens of the theme in force. */
export type Palette = Readonly<Record<(typeof names)[number], string>>;

/** Reads the palette off an element. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const entries = names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()] as const);
  return Object.fromEntries(entries) as Palette;
}
