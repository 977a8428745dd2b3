import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { FilterWord } from '../filter/filter-words.ts';
import { shortRate } from '../store/format.ts';
import { useChanges, useStores, useViewState } from './stores.ts';

/** Something to choose, with how much goes on there. */
interface Choice {
  readonly name: string;
  readonly rate: number;
  readonly dropped: number;
}

export function ClusterPicker(): ReactElement {
  return <Picker flag="cluster" title="clusters" of={(_, cluster) => cluster} />;
}

export function NamespacePicker(): ReactElement {
  return <Picker flag="namespace" title="namespaces" of={(namespace) => namespace} />;
}

/** A checklist that writes filter words: what is ticked is what is shown, nothing ticked is all. */
function Picker({
  flag,
  title,
  of,
}: {
  readonly flag: string;
  readonly title: string;
  readonly of: (namespace: string, cluster: string) => string;
}): ReactElement {
  const { view, map: feed } = useStores();
  const { map } = useChanges(feed);
  const { words } = useViewState();
  const [isOpen, setOpen] = useState(false);
  const [query, setQuery] = useState('');
  const [seen] = useState(new Set<string>());
  const box = useRef<HTMLDivElement>(null);
  const isOwn = (word: FilterWord): boolean => word.flag === flag && !word.isNot;
  const chosen = words.filter(isOwn).map(({ value }) => value);
  const choices = new Map<string, Choice>();
  for (const { from, to, rate } of map.edges.values()) {
    for (const { island } of new Set([from, to])) {
      if (island.kind !== 'namespace') continue;
      const name = of(island.title, island.cluster);
      const known = choices.get(name) ?? { name, rate: 0, dropped: 0 };
      choices.set(name, { name, rate: known.rate + rate.flows, dropped: known.dropped + rate.dropped });
    }
  }
  // What a filter hides must stay to be chosen.
  for (const name of [...choices.keys(), ...chosen]) seen.add(name);
  const names = [...seen].filter((name) => name.includes(query)).sort();

  useEffect(() => {
    if (!isOpen) return undefined;
    const onDown = (event: PointerEvent): void => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener('pointerdown', onDown);
    return () => removeEventListener('pointerdown', onDown);
  }, [isOpen]);

  const choose = (next: readonly string[]): void => {
    const others = words.filter((word) => !isOwn(word));
    view.set({ words: [...next.map((value) => ({ flag, value, isNot: false })), ...others] });
  };
  const text = chosen.length === 0 ? `all ${seen.size}` : chosen.join(', ');
  return (
    <div
      ref={box}
      className="picker"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !isOpen) return;
        event.stopPropagation();
        setOpen(false);
      }}
    >
      <button
        type="button"
        className="picker-button"
        aria-expanded={isOpen}
        aria-haspopup="true"
        onClick={() => setOpen(!isOpen)}
      >
        <span className="muted">{title}</span> <span className="picker-chosen">{text}</span>
        <span className="picker-arrow" aria-hidden="true">
          ▾
        </span>
      </button>
      {isOpen && (
        <div className="picker-list panel">
          <input
            autoFocus
            type="search"
            placeholder={`find among ${seen.size}`}
            aria-label={`Find ${title}`}
            value={query}
            onChange={({ target }) => setQuery(target.value)}
          />
          <ul>
            {names.map((name) => {
              const { rate, dropped } = choices.get(name) ?? { rate: 0, dropped: 0 };
              const isChosen = chosen.includes(name);
              return (
                <li key={name}>
                  <label>
                    <input
                      type="checkbox"
                      checked={isChosen}
                      onChange={() =>
                        choose(isChosen ? chosen.filter((each) => each !== name) : [...chosen, name])
                      }
                    />
                    <span className="picker-name">{name}</span>
                  </label>
                  <button type="button" className="picker-only" onClick={() => choose([name])}>
                    only
                  </button>
                  <span className={dropped > 0 ? 'picker-rate tone-dropped' : 'picker-rate faint'}>
                    {shortRate(rate)}
                  </span>
                </li>
              );
            })}
          </ul>
          <button
            type="button"
            className="picker-all"
            disabled={chosen.length === 0}
            onClick={() => choose([])}
          >
            all of them
          </button>
        </div>
      )}
    </div>
  );
}
