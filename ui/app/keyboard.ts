import { useEffect } from 'react';
import { excludeWords, onlyWords } from '../model/selection-words.ts';
import type { MapLevel } from '../store/view-state.ts';
import type { Stores } from './stores.ts';
import { switchTheme } from './theme.ts';

/** What each key does; the help shows it. */
export const keys: readonly (readonly [key: string, does: string])[] = [
  ['/', 'filter'],
  ['⌘K', 'go to anything'],
  ['Space', 'pause, and go on'],
  ['F', 'show all of the map'],
  ['+ −', 'nearer, farther'],
  ['1 2 3', 'namespaces, workloads, pods; again: by the zoom'],
  ['N', 'next thing that needs attention'],
  ['M', 'walk the map: arrows, Enter opens'],
  ['↵', 'filter to what is selected'],
  ['X', 'hide what is selected'],
  ['Esc', 'close, deselect, back to live'],
  ['T', 'dark or light'],
  ['?', 'this help'],
];

/** Listens for the keys of the page; those typed into fields are left alone. */
export function useKeyboard({ view, map, commands }: Stores): void {
  useEffect(() => {
    const level = (next: MapLevel): void =>
      view.set({ level: view.state.level === next ? 'auto' : next }, { isFleeting: true });
    const actions: Readonly<Record<string, () => void>> = {
      '/': () => commands.send('focus-filter', undefined),
      ' ': () => {
        if (map.state === 'paused') map.resume();
        else if (map.state === 'live') map.pause();
      },
      f: () => commands.send('fit', undefined),
      '+': () => commands.send('zoom', 1.4),
      '=': () => commands.send('zoom', 1.4),
      '-': () => commands.send('zoom', 1 / 1.4),
      1: () => level('namespaces'),
      2: () => level('workloads'),
      3: () => level('pods'),
      n: () => commands.send('next-problem', undefined),
      m: () => commands.send('focus-map', undefined),
      Enter: () => {
        const { words, selection } = view.state;
        if (selection !== '') view.set({ words: onlyWords(words, map.map, selection) });
      },
      x: () => {
        const { words, selection } = view.state;
        if (selection !== '') view.set({ words: excludeWords(words, map.map, selection), selection: '' });
      },
      Escape: () => {
        if (view.state.selection !== '') view.set({ selection: '' });
        else if (view.state.at !== null) view.set({ at: null });
      },
      t: switchTheme,
      '?': () => commands.send('help', undefined),
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'k' && (event.metaKey || event.ctrlKey)) {
        event.preventDefault();
        commands.send('search', undefined);
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
      const target = event.target as HTMLElement;
      if (target.closest('input, textarea, select, dialog, [contenteditable]') !== null) return;
      // A button that has the focus is pressed by these.
      if ((event.key === ' ' || event.key === 'Enter') && target.closest('button, a, [role="row"]') !== null)
        return;
      const action = actions[event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [view, map, commands]);
}
