import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import { useChanges, useCommand, useStores, useViewState } from '../app/stores.ts';
import { excludeWords } from '../model/selection-words.ts';
import type { MapController } from './map-controller.ts';
import { treeRows, type TreeRow } from './tree-rows.ts';

/**
 * The map for the keyboard and for screen readers: clusters' namespaces, their workloads, and the edges of each. It is not seen; the canvas shows the ring around
 * what has the focus. Arrows walk, Enter opens, X hides.
 */
export function MapTree({ controller }: { readonly controller: MapController }): ReactElement {
  const { map: feed, view } = useStores();
  const { map } = useChanges(feed);
  const { selection } = useViewState();
  const tree = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState('');
  const [hasFocus, setHasFocus] = useState(false);
  const rows = treeRows(map, open);
  const index = Math.max(
    0,
    rows.findIndex(({ key }) => key === current),
  );
  const row = rows[index];

  useEffect(() => {
    controller.setFocus({ keyboard: hasFocus && row !== undefined ? row.what : '' });
  }, [controller, hasFocus, row?.what]);
  useEffect(() => {
    if (hasFocus) tree.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }, [current, hasFocus]);
  useCommand('focus-map', () => tree.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus());

  const setExpanded = ({ key }: TreeRow, isOpen: boolean): void => {
    const next = new Set(open);
    if (isOpen) next.add(key);
    else next.delete(key);
    setOpen(next);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (row === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
    const isHandled = ((): boolean => {
      switch (event.key) {
        case 'ArrowDown':
          setCurrent(rows[Math.min(index + 1, rows.length - 1)].key);
          return true;
        case 'ArrowUp':
          setCurrent(rows[Math.max(index - 1, 0)].key);
          return true;
        case 'Home':
          setCurrent(rows[0].key);
          return true;
        case 'End':
          setCurrent(rows.at(-1)!.key);
          return true;
        case 'ArrowRight':
          if (row.isOpen === false) setExpanded(row, true);
          else if (row.isOpen) setCurrent(rows[Math.min(index + 1, rows.length - 1)].key);
          return true;
        case 'ArrowLeft':
          if (row.isOpen) setExpanded(row, false);
          else if (row.parent !== '') setCurrent(row.parent);
          return true;
        case 'Enter':
          if (row.what.startsWith('island:')) setExpanded(row, row.isOpen === false);
          else view.set({ selection: row.what });
          return true;
        case 'x':
          if (row.what.startsWith('island:')) return false;
          view.set({ words: excludeWords(view.state.words, map, row.what) });
          return true;
        default:
          return false;
      }
    })();
    if (!isHandled) return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={tree}
      role="treegrid"
      aria-label="Service map: namespaces, workloads, edges"
      aria-rowcount={rows.length}
      className="unseen"
      onKeyDown={onKeyDown}
      onFocus={() => setHasFocus(true)}
      onBlur={() => setHasFocus(false)}
    >
      {rows.map(({ key, level, what, isOpen, name, detail }, i) => (
        <div
          key={key}
          role="row"
          aria-level={level}
          aria-expanded={isOpen ?? undefined}
          aria-selected={what === selection}
          tabIndex={i === index ? 0 : -1}
          onFocus={() => setCurrent(key)}
        >
          <span role="gridcell">{name}</span>
          <span role="gridcell">{detail}</span>
        </div>
      ))}
    </div>
  );
}
