import { fromBinary } from '@bufbuild/protobuf';
import { addRows, decodeRows } from '../../proto/flow/aggregate/decode-rows.ts';
import { type ListedRow, listRows, type RowCounts } from '../../proto/flow/aggregate/list-rows.ts';
import { DROPPED, FLOWS } from '../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../proto/flow/aggregate/row-table.ts';
import { createFlowPeek, ENVELOPE_EMPTY, peekFlow } from '../../proto/flow/peek-flow.ts';
import {
  type AggregateFlowsResponse,
  AggregateFlowsResponseSchema,
} from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { compareBytes } from '../text/compare-bytes.ts';
import type { RowSort } from './aggregate-sort.ts';

/** A row as it is shown. */
export interface ShownRow extends ListedRow {
  /** Of the last interval. */
  readonly flowsPerSecond: number;
  readonly dropsPerSecond: number;
}

/** What is shown at one moment. */
export interface ShownRows {
  readonly rows: readonly ShownRow[];
  /** Rows that are not among them, as one. */
  readonly others: RowCounts;
  readonly otherRows: number;
  readonly maxMissingFlows: number;
  /** Of all rows together. */
  readonly flowsPerSecond: number;
  readonly dropsPerSecond: number;
}

/** Rows kept here at most: those that matter least are summed up. */
const MAX_ROWS = 65_536;

/** Adds up the answers of an AggregateFlows call: all of them, and the last one by itself for rates. */
export class AggregateTally {
  lostEvents = 0n;
  private readonly keyCount: number;
  private readonly totals: RowTable;
  private readonly recent: RowTable;
  private readonly peek = createFlowPeek();
  private isAnswering = false;
  private seconds = 0;

  /** @param rankBy the measure (FLOWS, …) that decides which rows are kept */
  constructor(keyCount: number, rankBy: number) {
    this.keyCount = keyCount;
    this.totals = new RowTable({ keyCount, maxRows: MAX_ROWS, rankBy });
    this.recent = new RowTable({ keyCount, maxRows: MAX_ROWS, rankBy });
  }

  /**
   * Takes a message. Returns `answer` when it ends an answer, the message itself when it tells of something else than rows, null for anything else. Throws Error for a message that
   * does not decode.
   */
  add(message: Uint8Array): 'answer' | AggregateFlowsResponse | null {
    const { peek } = this;
    peekFlow(message, 0, message.length, peek);
    if (peek.kind === ENVELOPE_EMPTY) return null;
    if (peek.kind !== ROWS) {
      const response = fromBinary(AggregateFlowsResponseSchema, message);
      const { case: kind, value } = response.responseTypes;
      if (kind === 'lostEvents') this.lostEvents += value.numEventsLost;
      return response;
    }
    const rows = decodeRows(message, peek.memberStart, peek.memberEnd, this.keyCount);
    if (rows.isUnfinished && rows.rowCount === 0) return null; // a sign of life
    if (!this.isAnswering) this.recent.clear();
    addRows(this.totals, rows);
    addRows(this.recent, rows);
    this.isAnswering = rows.isUnfinished;
    if (rows.isUnfinished) return null;
    this.seconds = rows.elapsedUs / 1e6;
    return 'answer';
  }

  /** Forgets what was counted. */
  clear(): void {
    this.totals.clear();
    this.recent.clear();
    this.lostEvents = 0n;
  }

  /** The first `limit` rows of all that was counted. */
  shown(sort: RowSort, limit: number, isReversed = false): ShownRows {
    return this.show(this.totals, sort, limit, isReversed);
  }

  /** The same of the last answer alone. */
  shownRecent(sort: RowSort, limit: number): ShownRows {
    return this.show(this.recent, sort, limit, false);
  }

  private show(table: RowTable, sort: RowSort, limit: number, isReversed: boolean): ShownRows {
    const rank = sort.kind === 'key' ? FLOWS : sort.measure;
    // Texts, and the lower end of anything, are found by looking at all rows.
    const isRanked = sort.kind === 'total' && !isReversed;
    const listed = listRows(table, isRanked ? limit : Number.POSITIVE_INFINITY, rank);
    const rows = listed.rows.map((row) => this.withRates(row)).sort(compareRows(sort));
    if (isReversed) rows.reverse();
    const left = rows.splice(limit);
    const recent = this.recent.total();
    return {
      rows,
      others: addAll(listed.others, left),
      otherRows: table.rowCount - rows.length,
      // Not what is missing among the rows that are shown because others are not: that is no error.
      maxMissingFlows: table.maxMissingFlows,
      flowsPerSecond: this.rate(recent[FLOWS]),
      dropsPerSecond: this.rate(recent[DROPPED]),
    };
  }

  private withRates(row: ListedRow): ShownRow {
    const { recent } = this;
    for (const [i, text] of row.texts.entries()) recent.key[i] = recent.texts.internText(text);
    const at = recent.find();
    return {
      ...row,
      flowsPerSecond: at < 0 ? 0 : this.rate(recent.measure(at, FLOWS)),
      dropsPerSecond: at < 0 ? 0 : this.rate(recent.measure(at, DROPPED)),
    };
  }

  private rate(flows: number): number {
    return this.seconds > 0 ? flows / this.seconds : 0;
  }
}

/** The member of the response that holds rows has the number that the flow has in GetFlowsResponse. */
const ROWS = 1;

function compareRows(sort: RowSort): (a: ShownRow, b: ShownRow) => number {
  const byTexts = (a: ShownRow, b: ShownRow): number => {
    for (const [i, text] of a.texts.entries()) if (text !== b.texts[i]) return compareTexts(text, b.texts[i]);
    return 0;
  };
  if (sort.kind === 'key') {
    return (a, b) => compareTexts(a.texts[sort.key], b.texts[sort.key]) || b.flows - a.flows || byTexts(a, b);
  }
  const valueOf = numberOf(sort);
  return (a, b) => valueOf(b) - valueOf(a) || b.flows - a.flows || byTexts(a, b);
}

function numberOf({ name }: RowSort): (row: ShownRow) => number {
  switch (name) {
    case 'flows/s':
      return (row) => row.flowsPerSecond;
    case 'drops/s':
      return (row) => row.dropsPerSecond;
    case 'last-seen':
      return (row) => row.lastUs;
    default:
      return (row) => row[name as 'flows' | 'forwarded' | 'dropped' | 'audited' | 'errors' | 'redirected'];
  }
}

const isNumber = /^\d{1,15}$/;

/** Numbers, such as ports, by their value; texts by their bytes. */
function compareTexts(a: string, b: string): number {
  return isNumber.test(a) && isNumber.test(b) ? Number(a) - Number(b) : compareBytes(a, b);
}

function addAll(first: RowCounts, more: readonly RowCounts[]): RowCounts {
  const sum = { ...first };
  for (const row of more) {
    sum.flows += row.flows;
    sum.forwarded += row.forwarded;
    sum.dropped += row.dropped;
    sum.audited += row.audited;
    sum.errors += row.errors;
    sum.redirected += row.redirected;
    sum.firstUs = sum.firstUs === 0 ? row.firstUs : Math.min(sum.firstUs, row.firstUs || sum.firstUs);
    sum.lastUs = Math.max(sum.lastUs, row.lastUs);
  }
  return sum;
}
