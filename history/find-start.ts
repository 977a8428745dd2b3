import { WireError } from '../proto/flow/wire.ts';
import type { FlowRing } from './flow-ring.ts';
import type { RingRun } from './flow-segment.ts';
import { compareTime, type FlowSelection, passes } from './flow-selection.ts';
import { WorkSlice } from './work-slice.ts';

/** Entries looked at between two looks at the clock. */
const LOOK_ENTRIES = 256;

/**
 * The sequence number at which a selection starts, by Hubble's rules for `first`, `follow`, `number` and `since`; a number at once where no entry has to be looked at.
 * Lost events from there on are delivered, earlier ones are not. The ring may go on meanwhile: the entry may be gone again when this resolves.
 */
export function findStart(ring: FlowRing, selection: FlowSelection): number | Promise<number> {
  const { number, first, follow, since, matches } = selection;
  if (since !== null) return scanBack(ring, selection);
  if (first) return ring.oldestSeq;
  if (number === 0) {
    // A follower begins with the newest entry there is.
    return follow ? Math.max(ring.oldestSeq, ring.endSeq - 1) : ring.oldestSeq;
  }
  if (matches === null || number > ring.flowCount) return ring.seqOfNewest(number);
  return scanBack(ring, selection);
}

/** Goes back from the newest entry to the `number`th match; with `since` to the newest match before it, behind which the start is then. */
async function scanBack(ring: FlowRing, selection: FlowSelection): Promise<number> {
  const { since } = selection;
  const slice = new WorkSlice();
  let left = selection.number;
  let seq = ring.endSeq;
  for (;;) {
    const run = ring.readBefore(seq, LOOK_ENTRIES);
    if (run === null) return ring.oldestSeq;
    for (let i = run.count - 1; i >= 0; i--) {
      if (!run.isFlow(i) || (since !== null && compareTime(run, i, since) >= 0)) continue;
      if (!isWanted(selection, run, i)) continue;
      if (since !== null) return run.firstSeq + i + 1;
      if (--left === 0) return run.firstSeq + i;
    }
    seq = run.firstSeq;
    if (slice.isOver) await slice.yield();
  }
}

/** Whether a filter lets an entry pass; one that is damaged does not, which is told when it is read and not here, where it is only passed by. */
function isWanted(selection: FlowSelection, run: RingRun, i: number): boolean {
  try {
    return passes(selection, run, i);
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}
