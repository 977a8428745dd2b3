import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FlowAggregator, GroupKeyError } from '../../proto/flow/aggregate/flow-aggregator.ts';
import type { CelFailure } from '../../proto/flow/filter/cel/cel-match.ts';
import { measureIndex } from '../../proto/flow/aggregate/measure-index.ts';
import { RowTable } from '../../proto/flow/aggregate/row-table.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import {
  type AggregateFlowsRequest,
  AggregateFlowsRequestSchema,
} from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { RpcCode, RpcError } from '../../rpc/index.ts';
import { parseFlowsRequest } from '../flow-request.ts';
import type { FlowSelection } from '../flow-selection.ts';

const MAX_KEYS = 8;
const MAX_ROWS = 65_536;
const DEFAULT_ROWS = 4096;
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;
const DEFAULT_INTERVAL_MS = 1000;
/** Rows in memory for each row of an answer: what is rare at first may be frequent in the end. */
const SPARE_ROWS = 4;
const MIN_TABLE_ROWS = 16_384;

/** An AggregateFlows request, understood. */
export interface AggregateQuery {
  /** As it came, without a field mask. */
  readonly request: AggregateFlowsRequest;
  readonly flows: GetFlowsRequest;
  readonly selection: FlowSelection;
  readonly intervalMs: number;
  readonly maxRows: number;
  /** Counts flows in a table that is big enough for the request. */
  readonly aggregator: FlowAggregator;
}

/** Throws RpcError INVALID_ARGUMENT that names the first fault found. `onCelFailure` is told of flows on which a CEL expression of the filters fails. */
export function parseAggregateRequest(bytes: Uint8Array, onCelFailure?: CelFailure): AggregateQuery {
  let request: AggregateFlowsRequest;
  try {
    request = fromBinary(AggregateFlowsRequestSchema, bytes);
  } catch (error) {
    throw invalid(`request does not decode: ${(error as Error).message}`);
  }
  const flows =
    request.flows === undefined ? create(GetFlowsRequestSchema) : clone(GetFlowsRequestSchema, request.flows);
  delete flows.fieldMask;
  request.flows = flows;
  const { selection } = parseFlowsRequest(toBinary(GetFlowsRequestSchema, flows), onCelFailure);
  const { keys, intervalMs, maxRows, sortBy } = request;
  checkRange('number of keys', keys.length, 1, MAX_KEYS);
  if (intervalMs !== 0) checkRange('interval_ms', intervalMs, MIN_INTERVAL_MS, MAX_INTERVAL_MS);
  if (maxRows !== 0) checkRange('max_rows', maxRows, 1, MAX_ROWS);
  const rankBy = measureIndex(sortBy);
  if (rankBy === undefined) throw invalid(`sort_by ${sortBy} does not exist`);
  const rows = maxRows || DEFAULT_ROWS;
  const tableRows = Math.max(MIN_TABLE_ROWS, SPARE_ROWS * rows);
  try {
    const table = new RowTable({ keyCount: keys.length, maxRows: tableRows, rankBy });
    const aggregator = new FlowAggregator(keys, table);
    return {
      request,
      flows,
      selection,
      intervalMs: intervalMs || DEFAULT_INTERVAL_MS,
      maxRows: rows,
      aggregator,
    };
  } catch (error) {
    if (error instanceof GroupKeyError) throw invalid(error.message);
    throw error;
  }
}

function invalid(message: string): RpcError {
  return new RpcError(RpcCode.InvalidArgument, message);
}

function checkRange(what: string, value: number, min: number, max: number): void {
  if (value < min || value > max) throw invalid(`${what} ${value}: expected ${min} to ${max}`);
}
