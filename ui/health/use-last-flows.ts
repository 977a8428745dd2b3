import { useEffect, useState } from 'react';
import { GroupField } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { countFlows } from '../stream/aggregate.ts';

const EVERY_MS = 5000;
const LOOK_BACK_MS = 60_000;

/** When the newest flow of each node was, by that node's clock, and when this was asked, by this browser's. */
export interface LastFlows {
  readonly askedMs: number;
  readonly byNode: ReadonlyMap<string, number>;
}

/** Asks for it every few seconds; null before the first answer. */
export function useLastFlows(): LastFlows | null {
  const [last, setLast] = useState<LastFlows | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      const askedMs = Date.now();
      try {
        const rows = await countFlows(
          {
            filters: { whitelist: [], blacklist: [] },
            sinceMs: askedMs - LOOK_BACK_MS,
            keys: [{ field: GroupField.NODE }],
          },
          stop.signal,
        );
        const byNode = new Map(rows.map(({ texts, lastMs }) => [texts[0], lastMs]));
        if (!stop.signal.aborted) setLast({ askedMs, byNode });
      } catch {
        // What is wrong with the connection is told above; the last answer stays, with its age.
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void ask(), EVERY_MS);
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, []);
  return last;
}

/** How far a node's newest flow is behind, or how far its clock is ahead, in words. */
export function lagText(
  lastMs: number | undefined,
  askedMs: number,
): { readonly text: string; readonly isOdd: boolean } {
  if (lastMs === undefined || lastMs === 0) return { text: 'none in 1 min', isOdd: true };
  const lagMs = askedMs - lastMs;
  if (lagMs < -1000) return { text: `clock ahead ${(-lagMs / 1000).toFixed(1)} s`, isOdd: true };
  return { text: `${(Math.max(0, lagMs) / 1000).toFixed(1)} s`, isOdd: lagMs > 10_000 };
}
