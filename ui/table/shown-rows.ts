/** Which rows of the ring a table shows, the newest first. Positions count from the top; a row keeps its sequence number whatever comes. */
export interface ShownRows {
  readonly count: number;
  /** The sequence number of the row at a position. */
  readonly seqAt: (position: number) => number;
  /** The position of a row; -1 when it is not shown. */
  readonly positionOf: (seq: number) => number;
}

/** All rows from `first` on, up to but without `end`. */
export function newestFirst(first: number, end: number): ShownRows {
  const count = Math.max(0, end - first);
  return {
    count,
    seqAt: (position) => end - 1 - position,
    positionOf: (seq) => (seq >= first && seq < end ? end - 1 - seq : -1),
  };
}

/** Rows in an order of their own. */
export function inOrder(seqs: readonly number[]): ShownRows {
  const positions = new Map(seqs.map((seq, position) => [seq, position]));
  return {
    count: seqs.length,
    seqAt: (position) => seqs[position],
    positionOf: (seq) => positions.get(seq) ?? -1,
  };
}

/** Why the table does not follow what comes. */
export type PauseReason = 'paused' | 'selection' | 'scrolling' | 'keyboard' | 'hover';

/** The reason that is told: that which lasts longest. Null while the table follows. */
export function pauseReason(reasons: Readonly<Record<PauseReason, boolean>>): PauseReason | null {
  const order: readonly PauseReason[] = ['paused', 'selection', 'scrolling', 'keyboard', 'hover'];
  return order.find((reason) => reasons[reason]) ?? null;
}

/** What a pause is called in the table's head. */
export const pauseTexts: Readonly<Record<PauseReason, string>> = {
  paused: 'Paused',
  selection: 'Paused by selection',
  scrolling: 'Paused by scrolling',
  keyboard: 'Paused by the keyboard',
  hover: 'Paused by hover',
};
