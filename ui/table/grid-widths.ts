interface Sized {
  /** Pixels. */
  readonly width: number;
  /** Takes what room is left. */
  readonly isWide?: boolean;
}

const GAP = 10;
const PADDING = 24;

/** The columns of a grid as properties of its style, which head and rows share. */
export function gridWidths(columns: readonly Sized[]): Record<string, string> {
  const least = columns.reduce((sum, { width }) => sum + width + GAP, PADDING - GAP);
  return {
    '--columns': columns
      .map(({ width, isWide }) => (isWide === true ? `minmax(${width}px, 1fr)` : `${width}px`))
      .join(' '),
    '--least': `${least}px`,
  };
}
