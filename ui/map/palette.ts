/** Colours of the map, from the tokens of the theme in force. */
export interface Palette {
  readonly ground: string;
  readonly dots: string;
  readonly island: string;
  readonly card: string;
  readonly line: string;
  readonly strong: string;
  readonly text: string;
  readonly muted: string;
  readonly faint: string;
  readonly accent: string;
  readonly forwarded: string;
  readonly dropped: string;
  readonly audit: string;
  readonly track: string;
}

/** Reads the palette off an element. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ground: token('ground'),
    dots: token('dots'),
    island: token('island'),
    card: token('card'),
    line: token('line'),
    strong: token('strong'),
    text: token('text'),
    muted: token('muted'),
    faint: token('faint'),
    accent: token('accent'),
    forwarded: token('forwarded'),
    dropped: token('dropped'),
    audit: token('audit'),
    track: token('track'),
  };
}
