import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { isFlowFrame } from '../../../proto/flow/frame-kind.ts';
import { type ColumnFilter, NO, YES } from './column-filter.ts';
import {
  boundsUs,
  frameOffsets,
  isFlow,
  isWanted,
  type MessageMatch,
  type RowBlock,
  type RowSet,
  SegmentRows,
  type StoreRange,
} from './rows.ts';
import type { StoreDamage, StoreReader } from './store-reader.ts';

/** A query over a store. Live streams and history agree because `matches` is the compiled filter of both; `columns` only says what need not be looked at. */
export interface StoreQuery extends StoreRange {
  readonly columns: ColumnFilter;
  readonly matches: MessageMatch;
  /** Changes a matching message (a field mask) and returns it as a frame; null = as it is. */
  readonly transform: ((bytes: Uint8Array, start: number, end: number) => Uint8Array) | null;
  /** Most flows to return; 0 = no limit. */
  readonly limit: number;
  readonly onDamage: (damage: StoreDamage) => void;
}

/** What a step of a scan brings; frames are null for one that only took its time. */
export interface ScanStep {
  /** Whole frames, back to back, in memory of their own. */
  readonly frames: Uint8Array | null;
  /** Flows among them; the others are notices of loss. */
  readonly flows: number;
  /** Entries looked at since the step before, those that a summary let pass by included. */
  readonly entries: number;
}

const CHUNK_BYTES = 256 * 1024;

/** Gathers frames into chunks. */
class ChunkWriter {
  flows = 0;
  private bytes = new Uint8Array(CHUNK_BYTES);
  private used = 0;

  get isFull(): boolean {
    return this.used >= CHUNK_BYTES / 2;
  }

  add(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.used + length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.used + length, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.used));
      this.bytes = grown;
    }
    this.bytes.set(from.subarray(start, end), this.used);
    this.used += length;
  }

  take(entries: number): ScanStep {
    const frames = this.used === 0 ? null : this.bytes.subarray(0, this.used);
    const step = { frames, flows: this.flows, entries };
    if (frames !== null) this.bytes = new Uint8Array(CHUNK_BYTES);
    this.used = 0;
    this.flows = 0;
    return step;
  }
}

/**
 * Yields what a query wants, in the order in which it was stored, step by step: after each the caller may do something else, or stop. Notices of loss in the time range are among the
 * frames whatever the filter says, and count towards no limit.
 */
export function* scanStore(store: StoreReader, query: StoreQuery): Generator<ScanStep, void> {
  const { sinceUs, untilUs } = boundsUs(query);
  const scan = new Scan(query);
  for (const segment of store.list()) {
    if (scan.isDone) return;
    if (!segment.mayHold(sinceUs, untilUs, query.fromSeq, query.toSeq)) continue;
    yield* store.visit(segment, function* () {
      const rows = new SegmentRows(store, segment, query, query.columns, query.onDamage);
      for (const open of rows.parts(false)) {
        if (scan.isDone) return;
        const set = open();
        if (set === null) yield { frames: null, flows: 0, entries: 0 };
        else yield* scan.rows(set, rows);
      }
    });
  }
}

class Scan {
  private readonly query: StoreQuery;
  private readonly out = new ChunkWriter();
  private left: number;

  constructor(query: StoreQuery) {
    this.query = query;
    this.left = query.limit === 0 ? Number.POSITIVE_INFINITY : query.limit;
  }

  get isDone(): boolean {
    return this.left <= 0;
  }

  *rows(set: RowSet, reader: SegmentRows): Generator<ScanStep, void> {
    let entries = 0;
    for (const block of set.blocks) {
      entries += block.rows;
      if (!hasAny(set.states, block)) continue;
      const frames = reader.frames(block);
      if (frames !== null) this.block(frames, block, set.states);
      if (this.out.isFull) {
        yield this.out.take(entries);
        entries = 0;
      }
      if (this.isDone) break;
    }
    yield this.out.take(entries);
  }

  private block(frames: Uint8Array, block: RowBlock, states: Uint8Array): void {
    const { onDamage, matches, transform } = this.query;
    const offsets = frameOffsets(frames, block.rows);
    if (offsets === null) {
      onDamage({ where: `block of ${block.rows} entries from number ${block.firstSeq}`, events: block.rows });
      return;
    }
    // Neighbours are copied together.
    let from = -1;
    let to = -1;
    const flush = (): void => {
      if (from >= 0) this.out.add(frames, from, to);
      from = -1;
    };
    for (let i = 0; i < block.rows && this.left > 0; i++) {
      const state = states[block.firstRow + i];
      if (state === NO) continue;
      const start = offsets[i] + FRAME_PREFIX_BYTES;
      const end = offsets[i + 1];
      try {
        if (!isWanted(frames, start, end, state, this.query, matches)) continue;
        const isFlowHere = isFlowFrame(frames, offsets[i]) || isFlow(frames, start, end);
        if (isFlowHere) {
          this.left--;
          this.out.flows++;
        }
        if (transform !== null && isFlowHere) {
          flush();
          const frame = transform(frames, start, end);
          this.out.add(frame, 0, frame.length);
          continue;
        }
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        onDamage({ where: `entry ${block.firstSeq + i}`, events: 1 });
        continue;
      }
      if (from >= 0 && to !== offsets[i]) flush();
      if (from < 0) from = offsets[i];
      to = end;
    }
    flush();
  }
}

function hasAny(states: Uint8Array, { firstRow, rows }: RowBlock): boolean {
  for (let i = firstRow; i < firstRow + rows; i++) if (states[i] !== NO) return true;
  return false;
}

/** Where the newest matches begin. */
export interface NewestStart {
  /** Number of the entry to start at; the range's own start when there are fewer matches. */
  readonly seq: number;
  /** Matches from there to the end of the range. */
  readonly found: number;
}

/**
 * Goes back from the end of a range to the `number`th newest flow that matches, and says where that is; reads no more than it must. Yields between its steps. What cannot be read
 * counts as no match: it is told when it is delivered.
 */
export function* findNewest(
  store: StoreReader,
  query: Omit<StoreQuery, 'transform' | 'limit' | 'onDamage'>,
  number: number,
): Generator<void, NewestStart> {
  const { sinceUs, untilUs } = boundsUs(query);
  let left = number;
  let seq = query.fromSeq;
  for (const segment of [...store.list()].reverse()) {
    if (left <= 0) break;
    if (!segment.mayHold(sinceUs, untilUs, query.fromSeq, query.toSeq)) continue;
    yield* store.visit(segment, function* () {
      const rows = new SegmentRows(store, segment, query, query.columns, () => {});
      for (const open of rows.parts(true)) {
        const set = open();
        if (set !== null) {
          const found = countBack(set, rows, query, left);
          left -= found.count;
          if (left <= 0) {
            seq = found.seq;
            return;
          }
        }
        yield;
      }
    });
  }
  return { seq, found: number - Math.max(0, left) };
}

/** Matches among the rows, from the last on, until there are `wanted`; `seq` is the number of the one that was counted last. */
function countBack(
  set: RowSet,
  reader: SegmentRows,
  query: Pick<StoreQuery, 'matches'> & StoreRange,
  wanted: number,
): { count: number; seq: number } {
  const { states, blocks } = set;
  let count = 0;
  let seq = 0;
  for (let b = blocks.length - 1; b >= 0 && count < wanted; b--) {
    const block = blocks[b];
    let frames: Buffer | null | undefined;
    let offsets: Uint32Array | null = null;
    for (let i = block.rows - 1; i >= 0 && count < wanted; i--) {
      const state = states[block.firstRow + i];
      if (state === NO) continue;
      if (state !== YES) {
        if (frames === undefined) {
          frames = reader.frames(block);
          offsets = frames === null ? null : frameOffsets(frames, block.rows);
        }
        if (!isMatch(frames, offsets, i, state, query)) continue;
      }
      count++;
      seq = block.firstSeq + i;
    }
  }
  return { count, seq };
}

function isMatch(
  frames: Buffer | null,
  offsets: Uint32Array | null,
  i: number,
  state: number,
  query: Pick<StoreQuery, 'matches'> & StoreRange,
): boolean {
  if (frames === null || offsets === null) return false;
  const start = offsets[i] + FRAME_PREFIX_BYTES;
  const end = offsets[i + 1];
  try {
    return isFlow(frames, start, end) && isWanted(frames, start, end, state, query, query.matches);
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}
