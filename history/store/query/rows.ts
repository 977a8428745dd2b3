import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow, timeUsOf } from '../../../proto/flow/peek-flow.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import type { TimePoint } from '../../flow-selection.ts';
import type { PlacedGroup } from '../format/segment-summary.ts';
import { FrameFacts } from '../write/frame-facts.ts';
import { type BoundFilter, type ColumnFilter, MAYBE, NO } from './column-filter.ts';
import type { SegmentReader } from './segment-reader.ts';
import type { StoreDamage, StoreReader } from './store-reader.ts';

/** Which entries of a store are asked for. */
export interface StoreRange {
  /** Entries from this number on, and before that one. */
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly since: TimePoint | null;
  readonly until: TimePoint | null;
}

/** Everything there is. */
export const everything: StoreRange = {
  fromSeq: 0,
  toSeq: Number.POSITIVE_INFINITY,
  since: null,
  until: null,
};

/** A test of the message at `bytes[start, end)`; null = everything. */
export type MessageMatch = ((bytes: Uint8Array, start: number, end: number) => boolean) | null;

/** Rows of a segment that belong together: a group with columns, or one block of the log without. */
export interface RowSet {
  readonly segment: SegmentReader;
  readonly rows: number;
  /** By row: NO, MAYBE or YES, of filter and range together. */
  readonly states: Uint8Array;
  /** The group, where the rows have columns. */
  readonly group: PlacedGroup | null;
  /** Blocks of the rows, in order: where each stands, its first row, the number of that one's entry. */
  readonly blocks: readonly RowBlock[];
}

export interface RowBlock {
  readonly offset: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly firstSeq: number;
}

/** Bounds of a range in µs, for comparing with the times of rows: what equals one of them is asked exactly. */
export function boundsUs({ since, until }: StoreRange): { sinceUs: number; untilUs: number } {
  return {
    sinceUs: since === null ? Number.NEGATIVE_INFINITY : timeUsOf(since.seconds, since.nanos),
    untilUs: until === null ? Number.POSITIVE_INFINITY : timeUsOf(until.seconds, until.nanos),
  };
}

/** Lowers states by time: what is outside to NO, what is in a bound's microsecond to MAYBE. */
function limitTimes(
  states: Uint8Array,
  times: ArrayLike<number>,
  baseUs: number,
  { sinceUs, untilUs }: ReturnType<typeof boundsUs>,
): void {
  for (let i = 0; i < states.length; i++) {
    const timeUs = baseUs + times[i];
    if (timeUs < sinceUs || timeUs > untilUs) states[i] = NO;
    else if ((timeUs === sinceUs || timeUs === untilUs) && states[i] > MAYBE) states[i] = MAYBE;
  }
}

function limitSeqs(states: Uint8Array, blocks: readonly RowBlock[], { fromSeq, toSeq }: StoreRange): void {
  for (const { firstRow, rows, firstSeq } of blocks) {
    if (firstSeq < fromSeq) states.fill(NO, firstRow, firstRow + Math.min(rows, fromSeq - firstSeq));
    if (firstSeq + rows > toSeq) states.fill(NO, firstRow + Math.max(0, toSeq - firstSeq), firstRow + rows);
  }
}

const facts = new FrameFacts();

/** Decides what columns and envelopes can tell of a segment's rows, part by part, oldest or newest part first. */
export class SegmentRows {
  private readonly store: StoreReader;
  private readonly segment: SegmentReader;
  private readonly range: StoreRange;
  private readonly bounds: ReturnType<typeof boundsUs>;
  private readonly filter: BoundFilter;
  private readonly onDamage: (damage: StoreDamage) => void;

  constructor(
    store: StoreReader,
    segment: SegmentReader,
    range: StoreRange,
    filter: ColumnFilter,
    onDamage: (damage: StoreDamage) => void,
  ) {
    this.store = store;
    this.segment = segment;
    this.range = range;
    this.bounds = boundsUs(range);
    this.filter = filter.bind(segment.dictionary);
    this.onDamage = onDamage;
  }

  /** The parts that may hold something, to be `open`ed one by one. */
  parts(isNewestFirst: boolean): (() => RowSet | null)[] {
    const { segment, range, bounds } = this;
    const holds = (firstSeq: number, endSeq: number, minTimeUs: number, maxTimeUs: number): boolean =>
      firstSeq < range.toSeq &&
      endSeq > range.fromSeq &&
      maxTimeUs >= bounds.sinceUs &&
      minTimeUs <= bounds.untilUs;
    const groups = segment.groups
      .filter(({ summary: { firstSeq, endSeq, minTimeUs, maxTimeUs } }) =>
        holds(firstSeq, endSeq, minTimeUs, maxTimeUs),
      )
      .map((group) => () => this.openGroup(group));
    const loose = segment.loose
      .filter(({ header: { firstSeq, entries, minTimeUs, maxTimeUs } }) =>
        holds(firstSeq, firstSeq + entries, minTimeUs, maxTimeUs),
      )
      .map(
        ({ offset, header: { firstSeq, entries } }) =>
          () =>
            this.openBlock({ offset, firstRow: 0, rows: entries, firstSeq }),
      );
    for (const { offset, firstSeq, events } of segment.holes) {
      const isAsked = firstSeq < range.toSeq && firstSeq + events > range.fromSeq;
      if (isAsked) this.onDamage({ where: this.store.where(segment, offset), events });
    }
    this.tellGaps(holds);
    const all = [...groups, ...loose];
    return isNewestFirst ? all.reverse() : all;
  }

  /** Numbers that no block has are of entries that were lost on their way to the disk. */
  private tellGaps(holds: (firstSeq: number, endSeq: number, minUs: number, maxUs: number) => boolean): void {
    const { segment, range } = this;
    const damaged = new Set(segment.holes.map(({ firstSeq }) => firstSeq));
    let lost = 0;
    let endSeq = segment.name.firstSeq;
    const pass = (firstSeq: number, entries: number): void => {
      const missing = Math.min(firstSeq, range.toSeq) - Math.max(endSeq, range.fromSeq);
      if (missing > 0 && !damaged.has(endSeq)) lost += missing;
      endSeq = firstSeq + entries;
    };
    for (const { summary } of segment.groups) {
      const { blocks, firstSeq, endSeq: behind, minTimeUs, maxTimeUs } = summary;
      if (!holds(firstSeq, behind, minTimeUs, maxTimeUs)) endSeq = behind;
      else for (let i = 0; i < blocks.entries.length; i++) pass(blocks.firstSeqs[i], blocks.entries[i]);
    }
    for (const { header } of segment.loose) {
      const { firstSeq, entries, minTimeUs, maxTimeUs } = header;
      if (holds(firstSeq, firstSeq + entries, minTimeUs, maxTimeUs)) pass(firstSeq, entries);
      else endSeq = firstSeq + entries;
    }
    if (lost > 0) this.onDamage({ where: 'not stored', events: lost, isCounted: true });
  }

  private openGroup(group: PlacedGroup): RowSet | null {
    const { summary } = group;
    if (!this.filter.mayMatch(summary)) return null;
    const { segment, range, bounds } = this;
    const read = (name: Parameters<SegmentReader['column']>[1]): ReturnType<SegmentReader['column']> =>
      segment.column(group, name);
    // Without its columns a group is so many flows that have to be asked.
    const states = this.filter.states(summary, read) ?? new Uint8Array(summary.rows).fill(MAYBE);
    if (summary.minTimeUs <= bounds.sinceUs || summary.maxTimeUs >= bounds.untilUs) {
      const times = read('time');
      if (times === null) for (let i = 0; i < states.length; i++) states[i] = Math.min(states[i], MAYBE);
      else limitTimes(states, times, summary.minTimeUs, bounds);
    }
    const blocks = blocksOf(group);
    if (summary.firstSeq < range.fromSeq || summary.endSeq > range.toSeq) limitSeqs(states, blocks, range);
    return { segment, rows: summary.rows, states, group, blocks };
  }

  /** A block of the log without columns: every flow in it is asked. */
  private openBlock(block: RowBlock): RowSet | null {
    const { segment, range, bounds } = this;
    const frames = this.frames(block);
    if (frames === null) return null;
    const states = new Uint8Array(block.rows).fill(MAYBE);
    try {
      facts.read(frames);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.damaged(block);
      return null;
    }
    limitTimes(states, facts.timesUs, 0, bounds);
    limitSeqs(states, [block], range);
    return { segment, rows: block.rows, states, group: null, blocks: [block] };
  }

  /** The frames of a block; null, and told, when it is damaged. */
  frames(block: RowBlock): Buffer | null {
    const frames = this.store.frames(this.segment, block.offset);
    if (frames === null) this.damaged(block);
    return frames;
  }

  private damaged({ offset, rows }: RowBlock): void {
    this.onDamage({ where: this.store.where(this.segment, offset), events: rows });
  }
}

function blocksOf({ summary: { blocks } }: PlacedGroup): RowBlock[] {
  const found: RowBlock[] = [];
  let firstRow = 0;
  for (let i = 0; i < blocks.offsets.length; i++) {
    const rows = blocks.entries[i];
    found.push({ offset: blocks.offsets[i], firstRow, rows, firstSeq: blocks.firstSeqs[i] });
    firstRow += rows;
  }
  return found;
}

/** Where the frames of a block begin, by its own rows; `rows + 1` entries. Null when they are not as many as they should be. */
export function frameOffsets(frames: Uint8Array, rows: number): Uint32Array | null {
  const offsets = new Uint32Array(rows + 1);
  let pos = 0;
  for (let i = 0; i < rows; i++) {
    offsets[i] = pos;
    if (pos + FRAME_PREFIX_BYTES > frames.length) return null;
    const length =
      frames[pos + 1] * 2 ** 24 + ((frames[pos + 2] << 16) | (frames[pos + 3] << 8) | frames[pos + 4]);
    pos += FRAME_PREFIX_BYTES + length;
  }
  offsets[rows] = pos;
  return pos === frames.length ? offsets : null;
}

const peek = createFlowPeek();

/** The last word on a message: whether it is in the time range, to the nanosecond, and passes the filter. Throws WireError for one that cannot be read. */
export function isWanted(
  frames: Uint8Array,
  start: number,
  end: number,
  state: number,
  range: StoreRange,
  matches: MessageMatch,
): boolean {
  if (matches !== null && !matches(frames, start, end)) return false;
  if (state !== MAYBE || (range.since === null && range.until === null)) return true;
  peekFlow(frames, start, end, peek);
  const { since, until } = range;
  if (since !== null && compare(peek, since) < 0) return false;
  return until === null || compare(peek, until) <= 0;
}

/** Whether a message is a flow, and no notice. Throws WireError for one that cannot be read. */
export function isFlow(frames: Uint8Array, start: number, end: number): boolean {
  peekFlow(frames, start, end, peek);
  return peek.kind === ENVELOPE_FLOW;
}

function compare(a: TimePoint, b: TimePoint): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}
