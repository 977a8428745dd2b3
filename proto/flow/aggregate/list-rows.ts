import { AUDITED, DROPPED, ERRORS, FIRST_US, FLOWS, FORWARDED, LAST_US, REDIRECTED } from './row-measures.ts';
import type { RowTable } from './row-table.ts';

/** What was counted, as people and programs read it. Times in microseconds since the epoch; 0 = not known. */
export interface RowCounts {
  readonly flows: number;
  readonly forwarded: number;
  readonly dropped: number;
  readonly audited: number;
  readonly errors: number;
  readonly redirected: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

/** A row with its key as text. */
export interface ListedRow extends RowCounts {
  readonly texts: readonly string[];
}

function countsAt(measure: (measure: number) => number): RowCounts {
  return {
    flows: measure(FLOWS),
    forwarded: measure(FORWARDED),
    dropped: measure(DROPPED),
    audited: measure(AUDITED),
    errors: measure(ERRORS),
    redirected: measure(REDIRECTED),
    firstUs: measure(FIRST_US),
    lastUs: measure(LAST_US),
  };
}

/** Rows of the highest rank, and all others as one. */
export interface RowList {
  /** In no order. */
  readonly rows: readonly ListedRow[];
  readonly others: RowCounts;
  readonly maxMissingFlows: number;
}

/** The `limit` rows of a table with the most of a measure (FLOWS, …). */
export function listRows(table: RowTable, limit: number, rankBy: number): RowList {
  const { rows, others, maxMissingFlows } = table.choose(limit, rankBy);
  const { keyCount, texts } = table;
  return {
    rows: Array.from(rows, (row) => ({
      texts: Array.from({ length: keyCount }, (_, key) => texts.text(table.textId(row, key))),
      ...countsAt((measure) => table.measure(row, measure)),
    })),
    others: countsAt((measure) => others[measure]),
    maxMissingFlows,
  };
}
