import { create, fromBinary } from '@bufbuild/protobuf';
import { frameMessage } from '../../../proto/flow/frame.ts';
import { encodeRows } from '../../../proto/flow/aggregate/encode-rows.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { AggregateFlowsRequestSchema } from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import { parseAggregateRequest } from '../../aggregate/aggregate-request.ts';
import { parseFlowsRequest } from '../../flow-request.ts';
import { aggregateStore } from './aggregate-store.ts';
import { ColumnFilter } from './column-filter.ts';
import { histogramOf } from './histogram.ts';
import type { QueryRange, QueryResult, QueryTask } from './query-messages.ts';
import { everything } from './rows.ts';
import { findNewest, type ScanStep, scanStore, type StoreQuery } from './scan.ts';
import type { StoreDamage, StoreReader } from './store-reader.ts';

/** Notices of loss that go with an aggregate. */
const MAX_NOTICES = 10_000;

/** Steps of a query: frames where a step found some. Returns what it comes to. Throws RpcError for a request that is not valid. */
export function* runTask(
  store: StoreReader,
  task: QueryTask,
  onDamage: (damage: StoreDamage) => void,
): Generator<ScanStep | undefined, QueryResult> {
  if (task.kind === 'aggregate') return yield* aggregate(store, task, onDamage);
  const query = flowsQuery(task.request, task.range, onDamage);
  switch (task.kind) {
    case 'flows':
      yield* scanStore(store, { ...query, limit: task.limit });
      return { kind: 'flows' };
    case 'newest':
      return { kind: 'newest', start: yield* silently(findNewest(store, query, task.number)) };
    default: {
      const histogram = yield* silently(histogramOf(store, query, task.bucketMs * 1000));
      return { kind: 'histogram', histogram };
    }
  }
}

/** Steps that bring nothing but the result. */
function* silently<T>(steps: Generator<void, T>): Generator<undefined, T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    yield undefined;
  }
}

/** The query that the filters and the mask of an encoded GetFlowsRequest make. Throws RpcError when it is not valid. */
export function flowsQuery(
  bytes: Uint8Array,
  range: QueryRange,
  onDamage: (damage: StoreDamage) => void,
): StoreQuery {
  const { request, selection } = parseFlowsRequest(bytes);
  return {
    ...everything,
    ...range,
    columns: columnsOf(request),
    matches: selection.matches,
    transform: selection.transform,
    limit: 0,
    onDamage,
  };
}

function columnsOf({ whitelist, blacklist }: GetFlowsRequest): ColumnFilter {
  return new ColumnFilter(whitelist, blacklist);
}

function* aggregate(
  store: StoreReader,
  { request, range }: Extract<QueryTask, { kind: 'aggregate' }>,
  onDamage: (damage: StoreDamage) => void,
): Generator<undefined, QueryResult> {
  const { aggregator, selection } = parseAggregateRequest(request);
  const { keys, flows = create(GetFlowsRequestSchema) } = fromBinary(AggregateFlowsRequestSchema, request);
  const { matches } = selection;
  const query = { ...everything, ...range, columns: columnsOf(flows), matches, onDamage };
  const notices: Uint8Array[] = [];
  yield* silently(
    aggregateStore(store, query, keys, aggregator, (bytes, start, end) => {
      if (notices.length < MAX_NOTICES) notices.push(frameMessage(bytes.subarray(start, end)));
    }),
  );
  // All that the table holds: what is left out is decided where it is merged with what others have.
  const { table } = aggregator;
  const rows = encodeRows({ table, maxRows: table.rowCount, elapsedUs: 0 });
  return { kind: 'aggregate', frames: [...notices, ...rows] };
}
