import { type ReactElement, useEffect, useState } from 'react';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import { commandOf } from '../store/view-state.ts';
import { shortAge } from '../store/format.ts';

/** What there is to say of the map while it is not simply live: empty, not there yet, out of date, refused. */
export function MapState(): ReactElement | null {
  const { map: feed, view } = useStores();
  const { state, problem, answeredMs, map } = useChanges(feed);
  const viewState = useViewState();
  const now = useClock(state !== 'live');
  if (state === 'broken' || state === 'refused') {
    const age = answeredMs === 0 ? '' : `What you see is ${shortAge(now - answeredMs)} old. `;
    const remedy =
      state === 'refused'
        ? 'Change the filter, or look at what the server allows.'
        : 'It is asked again by itself. Is the server running? On its machine: sluice status';
    return (
      <div className="map-state is-bad panel" role="alert">
        <strong>{state === 'refused' ? 'The server refused this' : 'No connection to the server'}</strong>
        <span>{problem}</span>
        <span className="muted">
          {age}
          {remedy}
        </span>
        <button type="button" className="button" onClick={() => feed.resume()}>
          Try now
        </button>
      </div>
    );
  }
  if (answeredMs === 0) {
    return (
      <div className="map-state panel" role="status">
        <strong>Counting the flows that are stored…</strong>
      </div>
    );
  }
  if (map.edges.size > 0) return null;
  const isFiltered = viewState.words.length > 0;
  return (
    <div className="map-state panel" role="status">
      <strong>{isFiltered ? 'No flow matches this filter' : 'No flows yet'}</strong>
      <span className="muted">
        {isFiltered
          ? 'In this window of time nothing of the kind was seen.'
          : 'Nothing was seen in this window of time.'}{' '}
        The same on a terminal:
      </span>
      <code className="mono">{commandOf(viewState, location.host)}</code>
      {isFiltered && (
        <button type="button" className="button" onClick={() => view.set({ words: [] })}>
          Clear the filter
        </button>
      )}
    </div>
  );
}

/** The time, once a second while it matters. */
export function useClock(isRunning: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  return now;
}
