import type { ReactElement } from 'react';
import { useClock } from '../map/map-state.tsx';
import { clockTime, shortAge } from '../store/format.ts';
import { useChanges, useStores, useViewState } from './stores.ts';

/** Whether what is seen is what happens now; pressed while it is not, it goes back to that. */
export function LiveBadge(): ReactElement {
  const { map: feed, view } = useStores();
  const { state, answeredMs, problem } = useChanges(feed);
  const { at } = useViewState();
  const now = useClock(state !== 'live');
  if (at !== null) {
    const [since, until] = [clockTime(at.sinceMs).slice(0, 8), clockTime(at.untilMs).slice(0, 8)];
    return (
      <button type="button" className="badge is-past" onClick={() => view.set({ at: null })}>
        {since} – {until} <span className="badge-more">back to live</span> <kbd>Esc</kbd>
      </button>
    );
  }
  if (state === 'live') {
    return (
      <span className="badge is-live" role="status">
        <i /> LIVE
      </span>
    );
  }
  const age = answeredMs === 0 ? '' : `, ${shortAge(now - answeredMs)} old`;
  const words = {
    connecting: answeredMs === 0 ? 'connecting' : 'LIVE',
    past: 'history',
    paused: `paused${age}`,
    broken: `reconnecting${age}`,
    refused: 'refused',
  } as const;
  const look = state === 'connecting' && answeredMs > 0 ? 'is-live' : `is-${state}`;
  return (
    <span className={`badge ${look}`} role="status" title={problem}>
      <i /> {words[state]}
    </span>
  );
}
