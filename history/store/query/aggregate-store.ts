import {
  DEFAULT_BUCKET_MS,
  type FlowAggregator,
  type KeyOfGroup,
} from '../../../proto/flow/aggregate/flow-aggregator.ts';
import { countFlow, MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { FlowEnd, GroupField } from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import type { ColumnName, ColumnValues } from '../format/columns.ts';
import { askRows, type CountQuery, leaveAllOpen, type MessageTaker } from './ask-rows.ts';
import { MAYBE, YES } from './column-filter.ts';
import type { Dictionary } from './dictionary.ts';
import { PairIds } from './pair-ids.ts';
import { boundsUs, type RowSet, SegmentRows } from './rows.ts';
import { classPiece, responseOf, timePiece } from './sample-flow.ts';
import type { SegmentReader } from './segment-reader.ts';
import type { StoreReader } from './store-reader.ts';

/** `time`: the bucket that the time falls in. */
type KeyColumn = Exclude<ColumnName, 'length'>;

/** What a key looks at. `ends`: fields of an end, by the columns that hold them. */
const endColumns: Readonly<Record<number, 'end' | 'end and ip' | 'ip' | 'port'>> = {
  [GroupField.NAME]: 'end and ip',
  [GroupField.POD]: 'end',
  [GroupField.WORKLOAD]: 'end',
  [GroupField.WORKLOAD_KIND]: 'end',
  [GroupField.NAMESPACE]: 'end',
  [GroupField.SERVICE]: 'end',
  [GroupField.IDENTITY]: 'end',
  [GroupField.CLUSTER]: 'end',
  [GroupField.DNS_NAME]: 'end',
  [GroupField.IP]: 'ip',
  [GroupField.PORT]: 'port',
};

/** Keys of the whole flow that its class decides. */
const classKeys: ReadonlySet<GroupField> = new Set([
  GroupField.PROTOCOL,
  GroupField.VERDICT,
  GroupField.DROP_REASON,
  GroupField.DIRECTION,
  GroupField.REPLY,
  GroupField.TCP_FLAGS,
  GroupField.EVENT_TYPE,
  GroupField.IP_VERSION,
  GroupField.ENCRYPTED,
]);

/** Columns to count by, and the width of buckets of time among them; 0 for none. */
interface KeyColumns {
  readonly columns: readonly KeyColumn[];
  readonly bucketMs: number;
}

/** The columns that decide these keys, or null when one of them is in no column. The class is always among them: it has the verdict. */
export function columnsOfKeys(keys: readonly KeyOfGroup[]): KeyColumns | null {
  const columns = new Set<KeyColumn>(['class']);
  let bucketMs = 0;
  for (const { field, end, bucketMs: keyBucketMs = 0 } of keys) {
    if (classKeys.has(field)) continue;
    if (field === GroupField.TIME) {
      const width = keyBucketMs || DEFAULT_BUCKET_MS;
      // Two widths at once are not worth a column each.
      if (bucketMs !== 0 && bucketMs !== width) return null;
      bucketMs = width;
      columns.add('time');
      continue;
    }
    if (field === GroupField.NODE) {
      columns.add('node');
      continue;
    }
    const kind = endColumns[field];
    if (kind === undefined) return null;
    if (end !== FlowEnd.DESTINATION) {
      if (kind.includes('end')) columns.add('source');
      if (kind.includes('ip')) columns.add('sourceIp');
      if (kind === 'port') columns.add('sourcePort');
    }
    if (end !== FlowEnd.SOURCE) {
      if (kind.includes('end')) columns.add('destination');
      if (kind.includes('ip')) columns.add('destinationIp');
      if (kind === 'port') columns.add('destinationPort');
    }
  }
  return { columns: [...columns], bucketMs };
}

/**
 * Counts what a query selects by keys. Where columns decide both, no flow is looked at: rows with the same numbers in the columns are counted together, and for each such combination
 * a flow is made that has just these parts, from which the keys are read as from any flow. Yields between its steps.
 */
export function* aggregateStore(
  store: StoreReader,
  query: CountQuery,
  keys: readonly KeyOfGroup[],
  aggregator: FlowAggregator,
  takeNotice: MessageTaker | null = null,
): Generator<void, void> {
  const { sinceUs, untilUs } = boundsUs(query);
  const columns = columnsOfKeys(keys);
  for (const segment of store.list()) {
    if (!segment.mayHold(sinceUs, untilUs, query.fromSeq, query.toSeq)) continue;
    yield* store.visit(segment, function* () {
      const rows = new SegmentRows(store, segment, query, query.columns, query.onDamage);
      const combinations = columns === null ? null : new Combinations(columns);
      for (const open of rows.parts(false)) {
        const set = open();
        if (set !== null) {
          if (combinations === null || !combinations.count(set)) leaveAllOpen(set.states);
          askRows(set, rows, query, (bytes, start, end) => aggregator.add(bytes, start, end), takeNotice);
        }
        if (combinations?.isLarge === true) combinations.give(segment.dictionary, aggregator);
        yield;
      }
      combinations?.give(segment.dictionary, aggregator);
    });
  }
}

const MAX_COMBINATIONS = 200_000;
/** Buckets before and behind the first that a segment may have. */
const MAX_BUCKETS = 2 ** 30;

/** Rows of a segment counted by the numbers that they have in some columns. */
class Combinations {
  private readonly columns: readonly KeyColumn[];
  private readonly bucketUs: number;
  /** Buckets are counted from this one, which is well before the segment's. */
  private firstBucket = 0;
  /** One for each column behind the first: the number of the columns before, and the column's own. */
  private readonly pairs: readonly PairIds[];
  private sums = new Float64Array(1024 * MEASURES);
  private verdicts = new Uint8Array(0);

  constructor({ columns, bucketMs }: KeyColumns) {
    this.columns = columns;
    this.bucketUs = bucketMs * 1000;
    this.pairs = columns.map(() => new PairIds());
  }

  private get used(): number {
    return this.pairs.at(-1)!.count;
  }

  get isLarge(): boolean {
    return this.used > MAX_COMBINATIONS;
  }

  /** Counts the rows that are certain. What is not, or has no columns, is left to be asked. False when columns are damaged: nothing was counted then. */
  count({ group, segment, states }: RowSet): boolean {
    if (group === null) return true;
    const times = segment.column(group, 'time');
    const values: ColumnValues[] = [];
    for (const name of this.columns) {
      const column = segment.column(group, name);
      const value =
        column === null || name !== 'time' ? column : this.buckets(column, group.summary.minTimeUs);
      if (value !== null) values.push(value);
    }
    if (times === null || values.length < this.columns.length) return false;
    this.readVerdicts(segment);
    const { minTimeUs } = group.summary;
    for (let i = 0; i < states.length; i++) {
      if (states[i] !== YES) continue;
      const id = this.idOf(values, i, segment.dictionary);
      if (id < 0) states[i] = MAYBE;
      else countFlow(this.sums, id * MEASURES, this.verdicts[values[0][i]], minTimeUs + times[i]);
    }
    return true;
  }

  /** The bucket of each row's time, or null when they lie too far apart. */
  private buckets(times: ColumnValues, minTimeUs: number): Uint32Array | null {
    const { bucketUs } = this;
    if (this.used === 0) this.firstBucket = Math.floor(minTimeUs / bucketUs) - MAX_BUCKETS;
    const buckets = new Uint32Array(times.length);
    for (let i = 0; i < times.length; i++) {
      const bucket = Math.floor((minTimeUs + times[i]) / bucketUs) - this.firstBucket;
      if (bucket < 0 || bucket > 2 * MAX_BUCKETS) return null;
      buckets[i] = bucket;
    }
    return buckets;
  }

  private readVerdicts({ dictionary }: SegmentReader): void {
    const count = dictionary.count('class');
    if (this.verdicts.length === count) return;
    this.verdicts = new Uint8Array(count);
    for (let id = 1; id < count; id++) this.verdicts[id] = dictionary.classOf(id).verdict;
  }

  /** The number of a row's combination, -1 where a column does not know. */
  private idOf(values: readonly ColumnValues[], row: number, dictionary: Dictionary): number {
    let id = 0;
    for (let c = 0; c < values.length; c++) {
      const value = values[c][row];
      const name = this.columns[c];
      if (name !== 'sourcePort' && name !== 'destinationPort' && name !== 'time') {
        if (value === 0 || value >= dictionary.count(entryKind(name))) return -1;
      }
      id = this.pairs[c].idOf(id, value);
    }
    if ((id + 1) * MEASURES > this.sums.length) {
      const grown = new Float64Array(this.sums.length * 2);
      grown.set(this.sums);
      this.sums = grown;
    }
    return id;
  }

  /** Adds everything to the aggregator, and begins anew. */
  give(dictionary: Dictionary, aggregator: FlowAggregator): void {
    for (let id = 0; id < this.used; id++) {
      const sample = this.sampleOf(id, dictionary);
      try {
        aggregator.addLike(sample, 0, sample.length, this.sums, id * MEASURES);
      } catch (error) {
        // Bytes that no decoder takes have no keys, as when they are counted one by one.
        if (!(error instanceof WireError)) throw error;
      }
    }
    this.sums.fill(0);
    for (const pairs of this.pairs) pairs.clear();
  }

  private sampleOf(id: number, dictionary: Dictionary): Uint8Array {
    const found: Partial<Record<KeyColumn, number>> = {};
    let rest = id;
    for (let c = this.columns.length - 1; c >= 0; c--) {
      found[this.columns[c]] = this.pairs[c].second(rest);
      rest = this.pairs[c].first(rest);
    }
    const text = (ip: number | undefined): string =>
      ip === undefined ? '' : Buffer.from(dictionary.entry('ip', ip)).toString('utf8');
    const pieces = [
      classPiece(dictionary.classOf(found.class!), {
        sourceIp: text(found.sourceIp),
        destinationIp: text(found.destinationIp),
        sourcePort: found.sourcePort ?? 0,
        destinationPort: found.destinationPort ?? 0,
      }),
    ];
    for (const name of ['source', 'destination', 'node'] as const) {
      const entry = found[name];
      if (entry !== undefined) pieces.push(dictionary.entry(name, entry));
    }
    const response = responseOf(...pieces);
    if (found.time === undefined) return response;
    return Buffer.concat([response, timePiece(Math.max(0, found.time + this.firstBucket) * this.bucketUs)]);
  }
}

function entryKind(
  name: Exclude<KeyColumn, 'sourcePort' | 'destinationPort' | 'time'>,
): Parameters<Dictionary['count']>[0] {
  return name === 'sourceIp' || name === 'destinationIp' ? 'ip' : name;
}
