import { type ReactElement, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useChanges, useCommand, useStores, useViewState } from '../app/stores.ts';
import { filterText } from '../filter/filter-words.ts';
import { excludeWords, onlyWords } from '../model/selection-words.ts';
import { MAX_EDGES } from './draw-map.ts';
import { Legend } from './legend.tsx';
import { LevelSwitch } from './level-switch.tsx';
import { MapController } from './map-controller.ts';
import { MapState } from './map-state.tsx';
import { MapTree } from './map-tree.tsx';
import { Minimap } from './minimap.tsx';
import { listenToPointer } from './pointer.ts';
import { type Tone, toneOf } from './graph.ts';

/** The service map with what lies above it. */
export function MapView(): ReactElement {
  const { view, map: feed } = useStores();
  const { words, level, selection } = useViewState();
  const host = useRef<HTMLDivElement>(null);
  const [controller, setController] = useState<MapController | null>(null);

  useLayoutEffect(() => {
    const made = new MapController(host.current!);
    // Tests and measurements look at it.
    Object.assign(globalThis, { sluiceMap: made });
    setController(made);
    const stop = listenToPointer(host.current!, made, {
      onSelect: (what) => view.set({ selection: what }),
      onFilter: (what) => view.set({ words: onlyWords(view.state.words, feed.map, what) }),
      onExclude: (what) => view.set({ words: excludeWords(view.state.words, feed.map, what), selection: '' }),
    });
    return () => {
      stop();
      made.close();
    };
  }, [view, feed]);

  const { map } = useChanges(feed);
  const layoutKey = `${filterText(words)}${level === 'pods' ? ' pods' : ''}`;
  useEffect(() => {
    if (feed.answeredMs > 0) controller?.show(map, layoutKey);
  });
  useEffect(() => controller?.setView(level, selection), [controller, level, selection]);
  useCommand('fit', () => controller?.fit());
  useCommand('zoom', (factor) => controller?.zoom(factor));
  useCommand('find', (what) => controller?.find(what));

  const isStale = feed.state === 'broken' || feed.state === 'refused' || feed.state === 'paused';
  return (
    <section className={isStale ? 'map-view is-stale' : 'map-view'} aria-label="Service map">
      <div ref={host} className="map-host" />
      {controller !== null && <MapTree controller={controller} />}
      <MapState />
      <div className="map-foot">
        <Legend present={tonesOf(feed.map)} />
        {controller !== null && <LevelSwitch controller={controller} />}
        {map.edges.size > MAX_EDGES && (
          <span className="map-note panel">
            heaviest {MAX_EDGES.toLocaleString('en')} of {map.edges.size.toLocaleString('en')} edges drawn
          </span>
        )}
      </div>
      {controller !== null && <Minimap controller={controller} />}
    </section>
  );
}

function tonesOf({ edges }: MapFeedMap): ReadonlySet<Tone> {
  return new Set([...edges.values()].map(({ total }) => toneOf(total)));
}

type MapFeedMap = ReturnType<typeof useStores>['map']['map'];
