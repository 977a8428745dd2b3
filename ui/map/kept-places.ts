import type { SavedIsland } from '../layout/map-layout.ts';

const PREFIX = 'sluice.places.';
const MAX_AGE_MS = 24 * 3_600_000;
/** Questions whose places are kept, and characters of one: browsers give a page some five million in all. */
const MAX_KEPT = 4;
const MAX_CHARACTERS = 800_000;

interface Kept {
  readonly savedMs: number;
  readonly islands: readonly SavedIsland[];
}

/** Where everything stood when the map of a question was last seen in this browser: a page that is loaded again shows the same picture. Empty when that is not known. */
export function keptPlaces(storage: Storage, layoutKey: string, nowMs: number): readonly SavedIsland[] {
  const kept = parse(storage.getItem(PREFIX + layoutKey));
  return kept === null || nowMs - kept.savedMs > MAX_AGE_MS ? [] : kept.islands;
}

/** Keeps places, those of the longest unseen questions making room. A storage that is full or forbidden keeps none. */
export function keepPlaces(
  storage: Storage,
  layoutKey: string,
  islands: readonly SavedIsland[],
  nowMs: number,
): void {
  const text = JSON.stringify({ savedMs: nowMs, islands } satisfies Kept);
  const others = Object.keys(storage)
    .filter((key) => key.startsWith(PREFIX) && key !== PREFIX + layoutKey)
    .map((key) => ({ key, savedMs: parse(storage.getItem(key))?.savedMs ?? 0 }))
    .sort((a, b) => b.savedMs - a.savedMs);
  for (const { key } of others.slice(MAX_KEPT - 1)) storage.removeItem(key);
  if (text.length > MAX_CHARACTERS) return;
  try {
    storage.setItem(PREFIX + layoutKey, text);
  } catch {
    // The map is right without it; only a reload may show it otherwise.
  }
}

/** What was kept; null for what is none: anybody can write to a browser's storage. */
function parse(text: string | null): Kept | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Partial<Kept> | null;
    if (typeof value?.savedMs !== 'number' || !Array.isArray(value.islands)) return null;
    return value.islands.every(isIsland) ? (value as Kept) : null;
  } catch {
    return null;
  }
}

type Unknown<T> = { readonly [K in keyof T]?: unknown };

function isIsland(value: unknown): value is SavedIsland {
  const { island, column, x, y, cards } = (value ?? {}) as Unknown<SavedIsland>;
  const { id, cluster, title, kind } = (island ?? {}) as Unknown<SavedIsland['island']>;
  return (
    [id, cluster, title].every((text) => typeof text === 'string') &&
    ['namespace', 'outside', 'machines'].includes(kind as string) &&
    [column, x, y].every(Number.isFinite) &&
    Array.isArray(cards) &&
    cards.length > 0 &&
    cards.every(isCard)
  );
}

function isCard(value: unknown): boolean {
  const { id, slot, title, pods } = (value ?? {}) as Unknown<SavedIsland['cards'][number]>;
  const { column, row } = (slot ?? {}) as Unknown<{ column: number; row: number }>;
  return (
    typeof id === 'string' &&
    typeof title === 'string' &&
    // Columns are counted up to the largest one.
    [column, row].every(
      (place) => Number.isInteger(place) && (place as number) >= 0 && (place as number) < 10_000,
    ) &&
    Array.isArray(pods) &&
    pods.every((pod) => typeof pod === 'string')
  );
}
