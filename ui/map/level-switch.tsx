import type { ReactElement } from 'react';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import type { MapLevel } from '../store/view-state.ts';
import type { MapController } from './map-controller.ts';

const levels: readonly { readonly level: Exclude<MapLevel, 'auto'>; readonly word: string }[] = [
  { level: 'namespaces', word: 'Namespaces' },
  { level: 'workloads', word: 'Workloads' },
  { level: 'pods', word: 'Pods' },
];

/** How near to look: by the zoom, or held at one level. Press the held one again to let the zoom decide. */
export function LevelSwitch({ controller }: { readonly controller: MapController }): ReactElement {
  const { view, commands } = useStores();
  const { level } = useViewState();
  const { isFar } = useChanges(controller);
  const now = level === 'auto' ? (isFar ? 'namespaces' : 'workloads') : level;
  return (
    <div className="level-switch panel" role="group" aria-label="How near">
      {levels.map(({ level: each, word }, i) => (
        <button
          key={each}
          type="button"
          aria-pressed={now === each}
          title={
            level === each
              ? `held at ${word.toLowerCase()}: press to let the zoom decide`
              : `${word} (${i + 1})`
          }
          onClick={() => view.set({ level: level === each ? 'auto' : each }, { isFleeting: true })}
        >
          {word}
          {level === each && <i className="held" />}
        </button>
      ))}
      <span className="level-zoom">
        <button type="button" aria-label="Farther" onClick={() => commands.send('zoom', 1 / 1.4)}>
          −
        </button>
        <button type="button" aria-label="Nearer" onClick={() => commands.send('zoom', 1.4)}>
          +
        </button>
      </span>
      <button type="button" onClick={() => commands.send('fit', undefined)}>
        fit <kbd>F</kbd>
      </button>
    </div>
  );
}
