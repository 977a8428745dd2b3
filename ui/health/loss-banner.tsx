import { type ReactElement, useState } from 'react';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import { shortCount } from '../store/format.ts';
import { causeWords, type Loss, recentLosses } from '../store/losses.ts';

/** What was lost of what is shown, by cause and place. It can be folded, not hidden, and opens again when more is lost. */
export function LossBanner(): ReactElement | null {
  const { map: feed, status, view } = useStores();
  const { map, sinceMs, absent } = useChanges(feed);
  const { reports, problem } = useChanges(status);
  const { windowMinutes, at } = useViewState();
  const [folded, setFolded] = useState(0);
  const losses = recentLosses(
    reports,
    at?.sinceMs ?? (sinceMs === 0 ? Date.now() - windowMinutes * 60_000 : sinceMs),
  );
  const lost = losses.filter(({ isCounted }) => isCounted).reduce((sum, { events }) => sum + events, 0);
  const away = [...absent];
  if (losses.length === 0 && away.length === 0 && problem === '') return null;
  const share = lost === 0 || map.total.flows === 0 ? '' : ` (${percent(lost / (lost + map.total.flows))})`;
  const isFolded = folded === lost && away.length === 0;
  return (
    <div className={isFolded ? 'loss-banner is-folded' : 'loss-banner'} role="status">
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 2l6.5 11.5h-13z M8 6.5v3.2 M8 11.6v.1" />
      </svg>
      <strong>
        {lost > 0
          ? `${lost.toLocaleString('en')} ${lost === 1 ? 'flow' : 'flows'} lost ${at === null ? `in the last ${windowMinutes} min` : 'since then'}${share}`
          : away.length > 0
            ? `${away.length === 1 ? `${away[0][0]} is` : `${away.length} nodes are`} not connected: what happens there is missing`
            : problem !== ''
              ? 'The state of the nodes is not known'
              : 'Nodes were away: how much is missing is not known'}
      </strong>
      {!isFolded && (
        <span className="loss-causes">
          {[
            ...losses.slice(0, 3).map(lossText),
            ...away.slice(0, 2).map(([name, why]) => `${name}: ${why}`),
            problem,
          ]
            .filter((text) => text !== '')
            .join(' · ')}
        </span>
      )}
      <button type="button" className="button link" onClick={() => view.set({ view: 'nodes' })}>
        show where
      </button>
      <span className="top-space" />
      {lost > 0 && !isFolded && <span className="loss-note">Lost flows are in no counter and no row.</span>}
      {lost > 0 && (
        <button
          type="button"
          className="loss-fold"
          aria-label={isFolded ? 'Say more of the losses' : 'Say less of the losses'}
          onClick={() => setFolded(isFolded ? -1 : lost)}
        >
          {isFolded ? '▾' : '▴'}
        </button>
      )}
    </div>
  );
}

const lossText = ({ cause, node, events, isCounted }: Loss): string =>
  isCounted ? `${causeWords(cause)} ${shortCount(events)} on ${node}` : `${causeWords(cause)} at ${node}`;

function percent(share: number): string {
  return share < 0.0001 ? '< 0.01 %' : `${(share * 100).toFixed(share < 0.01 ? 3 : 1)} %`;
}
