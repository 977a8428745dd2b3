import { useEffect } from 'react';
import { filterText } from '../filter/filter-words.ts';
import { type Stores, useChanges } from './stores.ts';

/** Asks the map's feed anew whenever the URL asks for something else. */
export function useFeedOfView({ view, map }: Stores): void {
  const { state } = useChanges(view);
  const { words, windowMinutes, at, level } = state;
  const text = filterText(words);
  const since = at?.sinceMs ?? 0;
  const until = at?.untilMs ?? 0;
  const isByPod = level === 'pods';
  useEffect(() => {
    map.ask({ words, windowMinutes, at, isByPod });
    // The words' text stands for the words, whose array is another one after each change of the URL; so do the ends for the span.
  }, [map, text, windowMinutes, since, until, isByPod]);
}
