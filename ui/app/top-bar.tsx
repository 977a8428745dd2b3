import type { ReactElement } from 'react';
import type { Counts } from '../model/service-map.ts';
import { useClock } from '../map/map-state.tsx';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { shortAge, shortCount } from '../store/format.ts';
import { windowChoices } from '../store/view-state.ts';
import { LiveBadge } from './live-badge.tsx';
import { ClusterPicker, NamespacePicker } from './picker.tsx';
import { useChanges, useStores, useViewState } from './stores.ts';
import { switchTheme } from './theme.ts';

/** What is looked at, how alive it is, and how much of it there is. */
export function TopBar(): ReactElement {
  const { view, map: feed, commands } = useStores();
  const { windowMinutes, at } = useViewState();
  const { state } = useChanges(feed);
  const canPause = state === 'live' || state === 'paused';
  return (
    <header className="top-bar">
      <ClusterPicker />
      <NamespacePicker />
      <LiveBadge />
      <label className="picker-button">
        <span className="unseen">How far back</span>
        <select
          value={windowMinutes}
          disabled={at !== null}
          onChange={({ target }) => view.set({ windowMinutes: Number(target.value) })}
        >
          {windowChoices.map((minutes) => (
            <option key={minutes} value={minutes}>
              last {minutes} min
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        className="button top-pause"
        disabled={!canPause}
        onClick={() => (state === 'paused' ? feed.resume() : feed.pause())}
      >
        <span aria-hidden="true">{state === 'paused' ? '▶' : '❚❚'}</span>
        {state === 'paused' ? 'Resume' : 'Pause'} <kbd>Space</kbd>
      </button>
      <span className="top-space" />
      <Figures />
      <button type="button" className="button icon" onClick={switchTheme} title="Dark or light (T)">
        <span className="unseen">Dark or light</span>
        <span aria-hidden="true">◐</span>
      </button>
      <button
        type="button"
        className="button icon"
        onClick={() => commands.send('search', undefined)}
        title="Go to anything"
      >
        <span className="unseen">Go to anything</span>
        <span aria-hidden="true">⌘K</span>
      </button>
      <button
        type="button"
        className="button icon"
        onClick={() => commands.send('help', undefined)}
        title="Keys and signs"
      >
        <span className="unseen">Keys and signs</span>
        <span aria-hidden="true">?</span>
      </button>
    </header>
  );
}

function Figures(): ReactElement {
  const { map: feed, status, view } = useStores();
  const { map, state } = useChanges(feed);
  const { nodes, status: server } = useChanges(status);
  const now = useClock(state === 'live');
  const connected = nodes.filter((node) => node.state === NodeState.NODE_CONNECTED).length;
  const lastMs = [...map.edges.values()].reduce((latest, edge) => Math.max(latest, edge.lastMs), 0);
  const behindMs = Math.max(0, now - lastMs);
  const isShort = nodes.length > 0 && connected < nodes.length;
  return (
    <div className="figures">
      <Figure name="flows/s" text={perSecond(map.rate, 'flows')} />
      <Figure
        name="dropped/s"
        text={perSecond(map.rate, 'dropped')}
        tone={map.total.dropped > 0 ? 'tone-dropped' : ''}
      />
      <Figure
        name="audit/s"
        text={perSecond(map.rate, 'audited')}
        tone={map.total.audited > 0 ? 'tone-audit' : ''}
      />
      <button
        type="button"
        className="figure"
        onClick={() => view.set({ view: 'nodes' })}
        title="Nodes and losses"
      >
        <span className="muted">nodes</span>
        <strong className={isShort ? 'tone-dropped' : ''}>
          {nodes.length > 0 ? `${connected}/${nodes.length}` : server === null ? '–' : '1/1'}
        </strong>
      </button>
      <Figure name="last flow" text={state === 'live' && lastMs > 0 ? agoText(behindMs) : '–'} />
    </div>
  );
}

const agoText = (ms: number): string => (ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : shortAge(ms));

function perSecond(rate: Counts, name: keyof Counts): string {
  const value = rate[name];
  return value === 0 ? '0' : value < 10 ? value.toFixed(1) : shortCount(value);
}

function Figure({
  name,
  text,
  tone = '',
}: {
  readonly name: string;
  readonly text: string;
  readonly tone?: string;
}): ReactElement {
  return (
    <span className="figure">
      <span className="muted">{name}</span>
      <strong className={tone}>{text}</strong>
    </span>
  );
}
