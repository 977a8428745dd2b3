import type { Span } from './coverage.ts';

/** A stretch of time, and who is asked for it. Ends are included; infinite where nothing bounds them. */
export interface Stretch extends Span {
  readonly source: 'store' | 'peers';
}

/**
 * Cuts a span of time into what the store has and what only the peers may have, in order. The last stretch is one of the peers unless the store has all up to the end: what happened just
 * now is only there.
 * @param covered spans that the store has, in order
 */
export function planSpans({ fromUs, toUs }: Span, covered: readonly Span[]): Stretch[] {
  const stretches: Stretch[] = [];
  let at = fromUs;
  for (const span of covered) {
    const from = Math.max(at, span.fromUs);
    const to = Math.min(toUs, span.toUs);
    if (from > to) continue;
    if (at < from) stretches.push({ source: 'peers', fromUs: at, toUs: from - 1 });
    stretches.push({ source: 'store', fromUs: from, toUs: to });
    at = to + 1;
  }
  if (at <= toUs) stretches.push({ source: 'peers', fromUs: at, toUs });
  return stretches;
}
