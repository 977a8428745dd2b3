import { useViewState } from '../app/stores.ts';
import { type Conversation, loadConversations } from './conversations.ts';
import { type Asked, useAsked } from './use-asked.ts';

const EVERY_MS = 5000;

/** Conversations within the window that is looked at. */
export interface Conversations {
  readonly all: readonly Conversation[];
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * Follows who talks to whom, by the window of the view.
 * @param selectors of the endpoints whose conversations are wanted; null = what is denied, of everybody; undefined = not known yet
 */
export function useConversations(
  selectors: readonly string[] | null | undefined,
  cluster: string,
): Asked<Conversations> {
  const { windowMinutes, at } = useViewState();
  const key = JSON.stringify([selectors ?? String(selectors), cluster, windowMinutes, at]);
  return useAsked(
    key,
    async (signal) => {
      const now = Date.now();
      const { sinceMs, untilMs } = at ?? { sinceMs: now - windowMinutes * 60_000, untilMs: now };
      if (selectors === undefined || selectors?.length === 0) return { all: [], sinceMs, untilMs };
      const question = { selectors, cluster, isDeniedOnly: selectors === null, sinceMs };
      const all = await loadConversations({ ...question, ...(at !== null && { untilMs }) }, signal);
      return { all, sinceMs, untilMs };
    },
    at === null ? EVERY_MS : null,
  );
}
