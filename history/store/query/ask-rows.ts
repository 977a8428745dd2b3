import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { MAYBE } from './column-filter.ts';
import { frameOffsets, isFlow, isWanted, type RowSet, type SegmentRows } from './rows.ts';
import type { StoreQuery } from './scan.ts';

/** What counting over a store needs to know of a query. */
export type CountQuery = Omit<StoreQuery, 'transform' | 'limit'>;

/** Takes the message at `bytes[start, end)`. */
export type MessageTaker = (bytes: Uint8Array, start: number, end: number) => void;

/** Gives each flow that columns leave open (MAYBE) and that the query wants to `take`, each notice of loss in the time range to `takeNotice`. */
export function askRows(
  { states, blocks }: RowSet,
  rows: SegmentRows,
  query: CountQuery,
  take: MessageTaker,
  takeNotice: MessageTaker | null = null,
): void {
  for (const block of blocks) {
    let frames: Buffer | null | undefined;
    let offsets: Uint32Array | null = null;
    for (let i = 0; i < block.rows; i++) {
      if (states[block.firstRow + i] !== MAYBE) continue;
      if (frames === undefined) {
        frames = rows.frames(block);
        offsets = frames === null ? null : frameOffsets(frames, block.rows);
      }
      if (frames === null || offsets === null) break;
      const start = offsets[i] + FRAME_PREFIX_BYTES;
      const end = offsets[i + 1];
      try {
        const taker = isFlow(frames, start, end) ? take : takeNotice;
        if (taker !== null && isWanted(frames, start, end, MAYBE, query, query.matches))
          taker(frames, start, end);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        query.onDamage({ where: `entry ${block.firstSeq + i}`, events: 1 });
      }
    }
  }
}

/** Has every row asked of which columns were thought to be certain. */
export function leaveAllOpen(states: Uint8Array): void {
  for (let i = 0; i < states.length; i++) if (states[i] > MAYBE) states[i] = MAYBE;
}
