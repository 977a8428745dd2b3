import { WireError } from '../proto/flow/wire.ts';
import type { FlowRing } from './flow-ring.ts';
import type { RingRun } from './flow-segment.ts';
import { compareTime, type FlowSelection, passes } from './flow-selection.ts';
import { WorkSlice } from './work-slice.ts';

/** Entries looked at between two looks at the clock. */
const LOOK_ENTRIES = 256;

/** Numbers from here on (2^64 - 1 is usual) stand for "all". */
export const ALL = 2 ** 53;

/** Where a selection starts in a ring. */
export interface RingStart {
  readonly seq: number;
  /** Flows that are wanted from before the ring's oldest entry, if there are any; Infinity for all from there on. */
  readonly missing: number;
}

/**
 * The sequence number at which a selection starts, by Hubble's rules for `first`, `follow`, `number` and `since`; at once where no entry has to be looked at.
 * Lost events from there on are delivered, earlier ones are not. The ring may go on meanwhile: the entry may be gone again when this resolves.
 */
export function findStart(ring: FlowRing, selection: FlowSelection): RingStart | Promise<RingStart> {
  const { number, first, follow, since, matches } = selection;
  if (since !== null) return scanBack(ring, selection);
  if (first) return { seq: ring.oldestSeq, missing: Number.POSITIVE_INFINITY };
  if (number === 0) {
    // A follower begins with the newest entry there is.
    if (follow) return { seq: Math.max(ring.oldestSeq, ring.endSeq - 1), missing: 0 };
    return { seq: ring.oldestSeq, missing: Number.POSITIVE_INFINITY };
  }
  // More than any ring has: all.
  if (number >= ALL) return { seq: ring.oldestSeq, missing: Number.POSITIVE_INFINITY };
  if (matches === null)
    return { seq: ring.seqOfNewest(number), missing: Math.max(0, number - ring.flowCount) };
  return scanBack(ring, selection);
}

/** Goes back from the newest entry to the `number`th match; with `since` to the newest match before it, behind which the start is then. */
async function scanBack(ring: FlowRing, selection: FlowSelection): Promise<RingStart> {
  const { since } = selection;
  const slice = new WorkSlice();
  let left = selection.number;
  let seq = ring.endSeq;
  for (;;) {
    const run = ring.readBefore(seq, LOOK_ENTRIES);
    if (run === null)
      return { seq: ring.oldestSeq, missing: since === null ? left : Number.POSITIVE_INFINITY };
    for (let i = run.count - 1; i >= 0; i--) {
      if (!run.isFlow(i) || (since !== null && compareTime(run, i, since) >= 0)) continue;
      if (!isWanted(selection, run, i)) continue;
      if (since !== null) return { seq: run.firstSeq + i + 1, missing: 0 };
      if (--left === 0) return { seq: run.firstSeq + i, missing: 0 };
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
