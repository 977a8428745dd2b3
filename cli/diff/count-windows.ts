import { clone, create, toBinary } from '@bufbuild/protobuf';
import { FieldMaskSchema, type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { FlowAggregator, maskOfKeys } from '../../proto/flow/aggregate/flow-aggregator.ts';
import type { NamedKey } from '../../proto/flow/aggregate/group-keys.ts';
import { type ListedRow, listRows } from '../../proto/flow/aggregate/list-rows.ts';
import { FLOWS } from '../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../proto/flow/aggregate/row-table.ts';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow, timeUsOf } from '../../proto/flow/peek-flow.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { AggregateFlowsRequestSchema } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { RpcCode, RpcError } from '../../rpc/rpc-error.ts';
import { noticeText } from '../observe/aggregate-notices.ts';
import { parseSort } from '../observe/aggregate-sort.ts';
import { AggregateTally } from '../observe/aggregate-tally.ts';
import { readFlowFile } from '../observe/input-file.ts';
import type { Server } from '../server/with-server.ts';
import type { TimeWindow } from './time-windows.ts';

/** What was counted in a window. */
export interface WindowCount {
  readonly rows: readonly ListedRow[];
  /** Flows of rows that had no place. */
  readonly otherFlows: number;
}

const MAX_ROWS = 65_536;

/** Has a server count the flows of a window by some keys; one that does not is asked for flows, and they are counted here. Notices go to stderr. */
export async function countOnServer(
  server: Server,
  flows: GetFlowsRequest,
  keys: readonly NamedKey[],
  { fromUs, toUs }: TimeWindow,
): Promise<WindowCount> {
  const request = clone(GetFlowsRequestSchema, flows);
  request.since = timestampOf(fromUs);
  request.until = timestampOf(toUs - 1);
  const tally = new AggregateTally(keys.length, FLOWS);
  const aggregate = create(AggregateFlowsRequestSchema, {
    flows: request,
    keys: keys.map(({ field, end }) => ({ field, end })),
    maxRows: MAX_ROWS,
  });
  try {
    const path = '/sluice.v1.Aggregation/AggregateFlows';
    await readAll(server, path, toBinary(AggregateFlowsRequestSchema, aggregate), (message) => {
      const told = tally.add(message);
      const notice = told === null || told === 'answer' ? '' : noticeText(told);
      if (notice !== '') process.stderr.write(`${notice}\n`);
    });
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== RpcCode.Unimplemented) throw error;
    return countHere(server, request, keys);
  }
  const { rows, others } = tally.shown(parseSort('flows', []), Number.POSITIVE_INFINITY);
  return { rows, otherFlows: others.flows };
}

/** Counts the flows of a file, or of stdin for `-`, in each of the windows. */
export async function countInFile(
  path: string,
  flows: GetFlowsRequest,
  keys: readonly NamedKey[],
  windows: readonly TimeWindow[],
): Promise<WindowCount[]> {
  const counters = windows.map((window) => ({ window, aggregator: aggregatorOf(keys) }));
  const peek = createFlowPeek();
  await readFlowFile(path, flows, {
    silent: false,
    take: (message) => {
      peekFlow(message, 0, message.length, peek);
      if (peek.kind !== ENVELOPE_FLOW) return;
      const atUs = timeUsOf(peek.seconds, peek.nanos);
      for (const { window, aggregator } of counters) {
        if (atUs >= window.fromUs && atUs < window.toUs) aggregator.add(message, 0, message.length);
      }
    },
    afterChunk: () => true,
  });
  return counters.map(({ aggregator }) => countOf(aggregator));
}

async function countHere(
  server: Server,
  flows: GetFlowsRequest,
  keys: readonly NamedKey[],
): Promise<WindowCount> {
  const request = clone(GetFlowsRequestSchema, flows);
  request.fieldMask = create(FieldMaskSchema, { paths: maskOfKeys(keys) });
  const aggregator = aggregatorOf(keys);
  await readAll(server, '/observer.Observer/GetFlows', toBinary(GetFlowsRequestSchema, request), (message) =>
    aggregator.add(message, 0, message.length),
  );
  return countOf(aggregator);
}

async function readAll(
  { connection, streaming }: Server,
  path: string,
  request: Uint8Array,
  take: (message: Uint8Array) => void,
): Promise<void> {
  await connection.stream(path, request, streaming, (run: FrameRun) => {
    for (let i = 0; i < run.count; i++) {
      take(run.bytes.subarray(run.offsets[i] + FRAME_PREFIX_BYTES, run.offsets[i + 1]));
    }
  });
}

function aggregatorOf(keys: readonly NamedKey[]): FlowAggregator {
  return new FlowAggregator(keys, new RowTable({ keyCount: keys.length, maxRows: MAX_ROWS, rankBy: FLOWS }));
}

function countOf({ table }: FlowAggregator): WindowCount {
  const { rows, others } = listRows(table, Number.POSITIVE_INFINITY, FLOWS);
  return { rows, otherFlows: others.flows };
}

function timestampOf(us: number): Timestamp {
  const seconds = Math.floor(us / 1e6);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Math.round(us - seconds * 1e6) * 1000 });
}
