import type { ReactElement } from 'react';
import type { Tone } from './graph.ts';

const entries: readonly { readonly tone: Tone; readonly word: string; readonly more?: string }[] = [
  { tone: 'forwarded', word: 'forwarded' },
  { tone: 'dropped', word: 'dropped' },
  { tone: 'audit', word: 'audit', more: 'would be denied' },
  { tone: 'redirected', word: 'to proxy' },
  { tone: 'error', word: 'error' },
];

/** What colours, dashes and widths mean, in words; only of what is on the map, beside the three that anyone asks for. */
export function Legend({ present }: { readonly present: ReadonlySet<Tone> }): ReactElement {
  const shown = entries.filter(({ tone }, i) => i < 3 || present.has(tone));
  return (
    <div className="legend panel">
      {shown.map(({ tone, word, more }) => (
        <span key={tone} className={`legend-entry tone-${tone}`}>
          <svg width="22" height="8" aria-hidden="true" className={`legend-line is-${tone}`}>
            <path d="M1 4h20" />
          </svg>
          {word}
          {more !== undefined && <span className="legend-more">: {more}</span>}
        </span>
      ))}
      <span className="faint legend-more">width = log flows/s</span>
    </div>
  );
}
