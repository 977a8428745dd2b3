import { createContext, useContext, useEffect, useSyncExternalStore } from 'react';
import type { Emitter } from '../store/emitter.ts';
import { FlowFeed, type FlowFeedHost } from '../store/flow-feed.ts';
import { HistogramFeed } from '../store/histogram-feed.ts';
import { MapFeed } from '../store/map-feed.ts';
import { StatusFeed } from '../store/status-feed.ts';
import type { ViewState } from '../store/view-state.ts';
import { ViewStore } from '../store/view-store.ts';
import { type CommandArgs, Commands } from './commands.ts';

/** What all parts of the page share: one of each per tab. */
export interface Stores {
  readonly view: ViewStore;
  readonly map: MapFeed;
  readonly status: StatusFeed;
  readonly flows: FlowFeed;
  readonly histogram: HistogramFeed;
  readonly commands: Commands;
}

export function createStores(): Stores {
  const map = new MapFeed();
  const status = new StatusFeed();
  return {
    view: new ViewStore(),
    map,
    status,
    flows: new FlowFeed(flowFeedHost(map, status)),
    histogram: new HistogramFeed(),
    commands: new Commands(),
  };
}

/** The map counts the flows of the table, whether they are shown or not. */
function flowFeedHost(map: MapFeed, status: StatusFeed): FlowFeedHost {
  return {
    rates: () => {
      if (map.state !== 'live') return null;
      const { flows, dropped, audited, errors } = map.map.rate;
      const weighty = dropped + audited + errors;
      return { weighty, others: Math.max(0, flows - weighty) };
    },
    nodeCount: () => Math.max(1, status.nodes.length),
  };
}

export const StoresContext = createContext<Stores | null>(null);

/** The stores of the page. Throws Error outside of the page's provider. */
export function useStores(): Stores {
  const stores = useContext(StoresContext);
  if (stores === null) throw new Error('no stores: expected within StoresContext');
  return stores;
}

/** Draws anew whenever a store has changed, and gives it. */
export function useChanges<T extends Emitter>(store: T): T {
  useSyncExternalStore(store.subscribe, store.snapshot);
  return store;
}

/** What the URL says now. */
export function useViewState(): ViewState {
  const { view } = useStores();
  return useChanges(view).state;
}

/** Does what is asked for while this part of the page is there. */
export function useCommand<K extends keyof CommandArgs>(
  name: K,
  handler: (arg: CommandArgs[K]) => void,
): void {
  const { commands } = useStores();
  useEffect(() => commands.on(name, handler));
}
