import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import { searchItems, type SearchItem } from './search-items.ts';
import { useCommand, useStores } from './stores.ts';

/** Goes to anything on the map by its name. */
export function SearchBox(): ReactElement {
  const { map: feed, view, commands } = useStores();
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [query, setQuery] = useState('');
  const [index, setIndex] = useState(0);
  const [isOpen, setOpen] = useState(false);
  useCommand('search', () => {
    if (dialog.current?.open === true) return;
    setQuery('');
    setIndex(0);
    setOpen(true);
    dialog.current?.showModal();
  });
  const items = isOpen ? searchItems(feed.map, query) : [];
  useEffect(() => {
    list.current?.children[index]?.scrollIntoView({ block: 'nearest' });
  }, [index]);
  const go = ({ what }: SearchItem): void => {
    dialog.current?.close();
    if (what.startsWith('island:')) view.set({ view: 'map', selection: '' });
    else view.set({ view: 'map', selection: what });
    commands.send('find', what);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setIndex(Math.max(0, Math.min(items.length - 1, index + step)));
    } else if (event.key === 'Enter' && items[index] !== undefined) {
      event.preventDefault();
      go(items[index]);
    }
  };
  return (
    <dialog
      ref={dialog}
      className="dialog search"
      aria-label="Go to anything"
      onClose={() => setOpen(false)}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <input
        type="search"
        role="combobox"
        aria-expanded="true"
        aria-controls="search-list"
        aria-activedescendant={items.length > 0 ? `search-${index}` : undefined}
        aria-label="Workload, namespace, name or edge"
        placeholder="workload, namespace, DNS name, edge…"
        value={query}
        onChange={({ target }) => {
          setQuery(target.value);
          setIndex(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="search-list" role="listbox" ref={list} aria-label="Found">
        {items.map((item, i) => (
          <li
            key={item.what}
            id={`search-${i}`}
            role="option"
            aria-selected={i === index}
            onPointerMove={() => setIndex(i)}
            onClick={() => go(item)}
          >
            <span className={item.kind === 'denied' ? 'tag is-new' : 'tag'}>{item.kind}</span>
            <span className="search-name">{item.name}</span>
            <span className="faint">{item.detail}</span>
          </li>
        ))}
      </ul>
      {isOpen && items.length === 0 && <p className="muted search-none">Nothing on the map has this name.</p>}
    </dialog>
  );
}
