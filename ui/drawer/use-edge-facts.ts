import { useEffect, useState } from 'react';
import { useViewState } from '../app/stores.ts';
import type { Edge } from '../model/service-map.ts';
import { type EdgeFacts, loadEdgeFacts } from './edge-facts.ts';

const EVERY_MS = 4000;

/** What is known of an edge, asked again every few seconds while the view is live. */
export function useEdgeFacts(edge: Edge): { readonly facts: EdgeFacts | null; readonly problem: string } {
  const { windowMinutes, at } = useViewState();
  const [state, setState] = useState<{ id: string; facts: EdgeFacts | null; problem: string }>({
    id: edge.id,
    facts: null,
    problem: '',
  });
  const since = at?.sinceMs ?? 0;
  const until = at?.untilMs ?? 0;
  useEffect(() => {
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      const now = Date.now();
      const stretch =
        at === null
          ? { sinceMs: now - windowMinutes * 60_000, untilMs: now, isLive: true }
          : { ...at, isLive: false };
      try {
        if (!document.hidden) {
          const facts = await loadEdgeFacts(edge, stretch, stop.signal);
          if (!stop.signal.aborted) setState({ id: edge.id, facts, problem: '' });
        }
      } catch (error) {
        const problem = (error as Error).message;
        if (!stop.signal.aborted) setState((last) => ({ ...last, id: edge.id, problem }));
      }
      if (at === null && !stop.signal.aborted) timer = setTimeout(() => void ask(), EVERY_MS);
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [edge.id, windowMinutes, since, until]);
  return state.id === edge.id ? state : { facts: null, problem: '' };
}
