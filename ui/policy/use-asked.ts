import { useEffect, useState } from 'react';

/** The last answer to a question, and why there is no newer one. */
export interface Asked<T> {
  readonly answer: T | null;
  readonly problem: string;
}

/**
 * Asks a question now and again and again while the tab is seen. An answer to another question is forgotten at once.
 * @param key what the question is: another key is another question
 * @param everyMs null = once
 */
export function useAsked<T>(
  key: string,
  ask: (signal: AbortSignal) => Promise<T>,
  everyMs: number | null,
): Asked<T> {
  const [state, setState] = useState<Asked<T> & { readonly key: string }>({ key, answer: null, problem: '' });
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const askOnce = async (): Promise<void> => {
      const beganMs = performance.now();
      try {
        if (!document.hidden) {
          const answer = await ask(stop.signal);
          if (!stop.signal.aborted) setState({ key, answer, problem: '' });
        }
      } catch (error) {
        const problem = (error as Error).message;
        if (!stop.signal.aborted) {
          setState((last) => ({ key, answer: last.key === key ? last.answer : null, problem }));
        }
      }
      if (everyMs === null || stop.signal.aborted) return;
      // A server that takes long is not kept busy by one page.
      const waitMs = Math.max(everyMs, 2 * (performance.now() - beganMs));
      timer = setTimeout(() => void askOnce(), waitMs);
    };
    void askOnce();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
    // `ask` is another function at each drawing; the key says whether it asks something else.
  }, [key, everyMs]);
  return state.key === key ? state : { answer: null, problem: '' };
}
