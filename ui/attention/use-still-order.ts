import { useRef } from 'react';

const RANK_EVERY_MS = 5000;

/**
 * The items in an order that stands still: it is taken over from `ranked` every few seconds only, and never while `isHeld`, so that nothing moves away from below a pointer. New
 * items come last until then.
 */
export function useStillOrder<T>(
  ranked: readonly T[],
  idOf: (item: T) => string,
  isHeld: boolean,
): readonly T[] {
  const order = useRef<{ ids: readonly string[]; atMs: number }>({ ids: [], atMs: 0 });
  const now = performance.now();
  const { ids, atMs } = order.current;
  if (ids.length === 0 || (!isHeld && now - atMs > RANK_EVERY_MS)) {
    order.current = { ids: ranked.map(idOf), atMs: now };
    return ranked;
  }
  const places = new Map(ids.map((id, i) => [id, i]));
  const placeOf = (item: T): number => places.get(idOf(item)) ?? ids.length;
  return [...ranked].sort((a, b) => placeOf(a) - placeOf(b));
}
