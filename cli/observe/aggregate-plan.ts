import { create } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { MAX_BUCKET_MS, MIN_BUCKET_MS } from '../../proto/flow/aggregate/flow-aggregator.ts';
import type { NamedKey } from '../../proto/flow/aggregate/group-keys.ts';
import { compileTimeFormat } from '../../proto/flow/text/time-text.ts';
import type { GetFlowsRequest } from '../../proto/gen/observer/observer_pb.ts';
import {
  type AggregateFlowsRequest,
  AggregateFlowsRequestSchema,
  GroupField,
} from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { type FlagUse, invalidValue, lastText, UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { parseBool, parseDurationMs, parseUint } from '../../flags/parse-value.ts';
import { parseSort, requestedMeasure, type RowSort } from './aggregate-sort.ts';
import { sortWords } from '../../flags/observe/aggregate-words.ts';

/** How rows are printed. `live`: a table that is drawn again and again on a terminal. */
export type RowFormat = 'live' | 'table' | 'json' | 'csv';

/** Everything that a command line asks for. */
export interface AggregatePlan {
  readonly title: string;
  readonly request: AggregateFlowsRequest;
  readonly flows: GetFlowsRequest;
  readonly keyNames: readonly string[];
  readonly sort: RowSort;
  /** What the arrow keys walk through. */
  readonly sorts: readonly RowSort[];
  /** Rows shown at most. */
  readonly limit: number;
  readonly format: RowFormat;
  readonly isFollowing: boolean;
  /** Where flows come from instead of a server; `-`: stdin; empty: a server. */
  readonly inputFile: string;
  readonly isSilent: boolean;
  readonly time: (us: number) => string;
}

/** What a plan is made from. */
export interface PlanInput {
  readonly title: string;
  readonly uses: readonly FlagUse[];
  readonly keys: readonly NamedKey[];
  /** Filters and selection; without a field mask. */
  readonly flows: GetFlowsRequest;
  readonly defaultSort: string;
  readonly isTerminal: boolean;
}

const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;
const MAX_ROWS = 65_536;
/** Rows asked for when following: each comes in every interval in which it has flows. */
const FOLLOWED_ROWS = 4096;
/** Rows of a table that is appended to what is there, unless told otherwise. */
const APPENDED_ROWS = 20;

const formats: ReadonlyMap<string, RowFormat> = new Map([
  ['compact', 'table'],
  ['table', 'table'],
  ['tab', 'table'],
  ['json', 'json'],
  ['JSON', 'json'],
  ['jsonpb', 'json'],
  ['csv', 'csv'],
]);

/** Throws UsageError for what cannot be done. */
export function planAggregation({
  title,
  uses,
  keys,
  flows,
  defaultSort,
  isTerminal,
}: PlanInput): AggregatePlan {
  const keyNames = keys.map(({ name }) => name);
  const { follow } = flows;
  // What is counted by time reads as a history.
  const usualSort = !follow && keyNames.includes('time') ? 'time' : defaultSort;
  const sort = parseSort(lastText(uses, 'sort-by') ?? usualSort, keyNames);
  const bucket = bucketMs(uses, keys);
  if (sort.kind === 'rate' && !follow) {
    throw new UsageError(`--sort-by ${sort.name} needs --follow: rates are those of the last interval`);
  }
  const inputFile = lastText(uses, 'input-file') ?? '';
  // The keys of a live table are read where the flows come from then.
  const format = rowFormat(uses, follow && isTerminal && inputFile === '');
  const top = Number(parseUint('--top', lastText(uses, 'top') ?? '0', BigInt(MAX_ROWS)));
  const isAppending = follow && format === 'table';
  const formatTime = compileTimeFormat(lastText(uses, 'time-format') ?? 'StampMilli');
  return {
    title,
    request: create(AggregateFlowsRequestSchema, {
      flows,
      keys: keys.map(({ field, end }) => ({
        field,
        end,
        bucketMs: field === GroupField.TIME ? bucket : 0,
      })),
      intervalMs: intervalMs(uses),
      maxRows: follow ? Math.max(FOLLOWED_ROWS, top) : MAX_ROWS,
      sortBy: requestedMeasure(sort),
    }),
    flows,
    keyNames,
    sort,
    sorts: [...keyNames, ...sortWords]
      .map((name) => parseSort(name, keyNames))
      .filter(({ kind }) => follow || kind !== 'rate'),
    limit: top > 0 ? top : isAppending ? APPENDED_ROWS : Number.POSITIVE_INFINITY,
    format,
    isFollowing: follow,
    inputFile,
    isSilent: parseBool('--silent-errors', lastText(uses, 'silent-errors') ?? 'false'),
    time: (us) => (us === 0 ? '-' : formatTime(timestampOf(us))),
  };
}

function rowFormat(uses: readonly FlagUse[], isLive: boolean): RowFormat {
  const text = lastText(uses, 'output');
  const format = formats.get(text ?? 'compact');
  if (format === undefined) {
    const names = [...formats.keys()];
    throw invalidValue(
      '-o, --output',
      text ?? '',
      'table, json or csv, with --aggregate-by',
      nearest(text ?? '', names),
    );
  }
  return format === 'table' && isLive ? 'live' : format;
}

function intervalMs(uses: readonly FlagUse[]): number {
  const text = lastText(uses, 'interval');
  if (text === undefined) return 0;
  const ms = parseDurationMs('--interval', text);
  if (ms < MIN_INTERVAL_MS || ms > MAX_INTERVAL_MS) {
    throw invalidValue('--interval', text, 'a duration from 100ms to 1h');
  }
  return Math.round(ms);
}

/** Width of the buckets of time; 0 = as the server has it. */
function bucketMs(uses: readonly FlagUse[], keys: readonly NamedKey[]): number {
  const text = lastText(uses, 'aggregate-bucket');
  if (text === undefined) return 0;
  if (!keys.some(({ field }) => field === GroupField.TIME)) {
    throw new UsageError('--aggregate-bucket needs the key "time", such as --aggregate-by time,verdict');
  }
  const ms = parseDurationMs('--aggregate-bucket', text);
  if (ms < MIN_BUCKET_MS || ms > MAX_BUCKET_MS) {
    throw invalidValue('--aggregate-bucket', text, 'a duration from 100ms to 24h');
  }
  return Math.round(ms);
}

function timestampOf(us: number): Timestamp {
  const seconds = Math.floor(us / 1e6);
  return create(TimestampSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round(us - seconds * 1e6) * 1000,
  });
}
