import { fieldPath } from '../../../proto/flow/field-path.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import { timeUsOf } from '../../../proto/flow/peek-flow.ts';
import { askRows, type CountQuery, leaveAllOpen } from './ask-rows.ts';
import { MAYBE, YES } from './column-filter.ts';
import { boundsUs, type RowSet, SegmentRows } from './rows.ts';
import type { StoreReader } from './store-reader.ts';

/** Verdicts counted apart: 0 to 15 by number, what is beyond under 15. */
export const VERDICTS = 16;

/** Flows per span of time, by verdict. */
export interface Histogram {
  readonly bucketUs: number;
  /** Time of the first bucket's begin, in µs; 0 when nothing was counted. */
  readonly startUs: number;
  /** Bucket by bucket VERDICTS counts. */
  readonly counts: Float64Array;
}

/** Buckets beyond are not made: a clock that is decades off must not cost memory. */
const MAX_BUCKETS = 1_000_000;
const verdictPath = fieldPath('verdict');

class Counts {
  private readonly bucketUs: number;
  private readonly buckets = new Map<number, Float64Array>();
  /** The bucket of the flow before: that of most flows. */
  private lastBucket = Number.NaN;
  private last: Float64Array = new Float64Array(VERDICTS);

  constructor(bucketUs: number) {
    this.bucketUs = bucketUs;
  }

  add(timeUs: number, verdict: number): void {
    const bucket = Math.floor(timeUs / this.bucketUs);
    if (bucket !== this.lastBucket && !this.find(bucket)) return;
    this.last[verdict < 0 || verdict >= VERDICTS ? VERDICTS - 1 : verdict]++;
  }

  private find(bucket: number): boolean {
    let counts = this.buckets.get(bucket);
    if (counts === undefined) {
      if (this.buckets.size >= MAX_BUCKETS) return false;
      this.buckets.set(bucket, (counts = new Float64Array(VERDICTS)));
    }
    this.last = counts;
    this.lastBucket = bucket;
    return true;
  }

  finish(): Histogram {
    const { bucketUs, buckets } = this;
    if (buckets.size === 0) return { bucketUs, startUs: 0, counts: new Float64Array(0) };
    let first = Infinity;
    let last = -Infinity;
    for (const bucket of buckets.keys()) {
      first = Math.min(first, bucket);
      last = Math.max(last, bucket);
    }
    const length = Math.min(MAX_BUCKETS, last - first + 1);
    const counts = new Float64Array(length * VERDICTS);
    for (const [bucket, values] of buckets) {
      if (bucket - first < length) counts.set(values, (bucket - first) * VERDICTS);
    }
    return { bucketUs, startUs: first * bucketUs, counts };
  }
}

/** Counts what a query selects per span of time: of columns alone wherever they decide. Yields between its steps. */
export function* histogramOf(
  store: StoreReader,
  query: CountQuery,
  bucketUs: number,
): Generator<void, Histogram> {
  const { sinceUs, untilUs } = boundsUs(query);
  const counts = new Counts(bucketUs);
  const index = new FlowIndex();
  for (const segment of store.list()) {
    if (!segment.mayHold(sinceUs, untilUs, query.fromSeq, query.toSeq)) continue;
    yield* store.visit(segment, function* () {
      const rows = new SegmentRows(store, segment, query, query.columns, query.onDamage);
      for (const open of rows.parts(false)) {
        const set = open();
        if (set !== null) countRows(set, rows, query, counts, index);
        yield;
      }
    });
  }
  return counts.finish();
}

function countRows(
  set: RowSet,
  rows: SegmentRows,
  query: CountQuery,
  counts: Counts,
  index: FlowIndex,
): void {
  const { group, segment, states } = set;
  const times = group === null ? null : segment.column(group, 'time');
  const classes = group === null ? null : segment.column(group, 'class');
  if (group === null || times === null || classes === null) leaveAllOpen(states);
  else {
    const { dictionary } = segment;
    const verdicts = new Uint8Array(dictionary.count('class'));
    for (let id = 1; id < verdicts.length; id++) verdicts[id] = dictionary.classOf(id).verdict;
    for (let i = 0; i < states.length; i++) {
      if (states[i] !== YES) continue;
      if (classes[i] === 0 || classes[i] >= verdicts.length) states[i] = MAYBE;
      else counts.add(group.summary.minTimeUs + times[i], verdicts[classes[i]]);
    }
  }
  askRows(set, rows, query, (bytes, start, end) => {
    index.reset(bytes, start, end);
    const { seconds, nanos } = index.envelope;
    counts.add(timeUsOf(seconds, nanos), index.int32(verdictPath));
  });
}
