import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import {
  Datapath,
  type DumpRequest,
  type DumpResponse,
  DumpResponseSchema,
  DumpTable,
  type Endpoint,
  type ListEndpointsRequest,
  type ListEndpointsResponse,
  ListEndpointsResponseSchema,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { type NodeAnswer, NodeAnswerSchema, NodeAnswerState } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { RpcError } from '../../rpc/index.ts';
import { matchesName, RowFilter } from './datapath-filter.ts';
import { DatapathNames } from './datapath-names.ts';
import { policyRows } from './datapath-policy-rows.ts';
import { serviceRows } from './datapath-services.ts';
import {
  conntrackRows,
  endpointRows,
  ipcacheRows,
  type RowBatches,
  type TableContext,
} from './datapath-tables.ts';
import { listEndpoints } from './endpoint-list.ts';
import type { NodeView } from './node-view.ts';
import { check, isMeant } from './policy-service.ts';

const DEFAULT_ROWS = 10_000;
const MAX_ENDPOINTS = 100_000;
const MAX_ROWS = 1_000_000;
/** Rows of one message: some hundred bytes each, with many labels and names some kilobytes; clients take 4 MiB. */
const MESSAGE_ROWS = 200;
/** Dumps served at once: each goes through a whole map. */
const MAX_DUMPS = 4;

/** Registers what an agent tells of its endpoints and maps. */
export function datapathRoutes(router: ConnectRouter, view: NodeView, nodeName: string): void {
  let dumps = 0;
  const answered = (): NodeAnswer =>
    create(NodeAnswerSchema, {
      nodeName,
      state: NodeAnswerState.ANSWERED,
      revision: BigInt(view.policies.revision),
    });
  router.service(Datapath, {
    async *listEndpoints(request) {
      check(request);
      const limit = limitOf(request.limit, MAX_ENDPOINTS);
      if (!isMeant(request.nodeNames, nodeName)) return;
      yield* endpointMessages(listEndpoints(view).filter(wants(request)), limit, nodeName, answered());
    },
    async *dump(request, { signal }) {
      check(request);
      const limit = limitOf(request.limit, MAX_ROWS);
      const filter = filterOf(request);
      if (!isMeant(request.nodeNames, nodeName)) return;
      if (dumps >= MAX_DUMPS) {
        throw new ConnectError(
          `${dumps} dumps are being served, the most this agent serves`,
          Code.ResourceExhausted,
        );
      }
      dumps++;
      try {
        const context = { view, names: new DatapathNames(view), filter };
        yield* dumpMessages(request.table, context, limit, nodeName, answered(), signal);
      } finally {
        dumps--;
      }
    },
  });
}

function limitOf(limit: number, most: number): number {
  if (limit > most)
    throw new ConnectError(`limit is ${limit}: expected at most ${most}`, Code.InvalidArgument);
  return limit || DEFAULT_ROWS;
}

function filterOf(request: DumpRequest): RowFilter {
  try {
    return new RowFilter(request);
  } catch (error) {
    if (error instanceof RpcError) throw new ConnectError(error.message, Code.InvalidArgument);
    throw error;
  }
}

function wants({ namespaces, names }: ListEndpointsRequest): (endpoint: Endpoint) => boolean {
  return ({ id, namespace, podName }) =>
    (namespaces.length === 0 || namespaces.includes(namespace)) &&
    (names.includes(String(id)) || matchesName(names, namespace, podName));
}

function* endpointMessages(
  endpoints: readonly Endpoint[],
  limit: number,
  nodeName: string,
  node: NodeAnswer,
): Generator<ListEndpointsResponse> {
  const told = endpoints.slice(0, limit);
  for (let from = 0; from < told.length; from += MESSAGE_ROWS) {
    const part = told.slice(from, from + MESSAGE_ROWS);
    yield create(ListEndpointsResponseSchema, { nodeName, endpoints: part });
  }
  yield create(ListEndpointsResponseSchema, { nodeName, node, isCut: endpoints.length > limit });
}

type Rows = MessageInitShape<typeof DumpResponseSchema>;

/** Batches of a table's rows, and how a message carries them. */
function tableOf(table: DumpTable, context: TableContext): [RowBatches<unknown>, (rows: unknown[]) => Rows] {
  const rowsAs = <T>(
    batches: RowBatches<T>,
    put: (rows: T[]) => Rows,
  ): [RowBatches<unknown>, (rows: unknown[]) => Rows] => [batches, (rows) => put(rows as T[])];
  switch (table) {
    case DumpTable.IPCACHE:
      return rowsAs(ipcacheRows(context), (ipcache) => ({ ipcache }));
    case DumpTable.POLICY:
      return rowsAs(policyRows(context), (policy) => ({ policy }));
    case DumpTable.CONNTRACK:
      return rowsAs(conntrackRows(context), (conntrack) => ({ conntrack }));
    case DumpTable.SERVICES:
      return rowsAs(serviceRows(context), (services) => ({ services }));
    default:
      return rowsAs(endpointRows(context), (endpoints) => ({ endpoints }));
  }
}

async function* dumpMessages(
  table: DumpTable,
  context: TableContext,
  limit: number,
  nodeName: string,
  node: NodeAnswer,
  signal: AbortSignal,
): AsyncGenerator<DumpResponse> {
  const [batches, put] = tableOf(table, context);
  let left = limit;
  let rowsRead = 0;
  let isCut = false;
  for (const { rows, read } of batches) {
    rowsRead += read;
    const told = rows.slice(0, left);
    left -= told.length;
    for (let from = 0; from < told.length; from += MESSAGE_ROWS) {
      yield create(DumpResponseSchema, { nodeName, ...put(told.slice(from, from + MESSAGE_ROWS)) });
    }
    isCut = told.length < rows.length;
    if (isCut || signal.aborted) break;
    await yieldToEvents();
  }
  yield create(DumpResponseSchema, { nodeName, node, rowsRead: BigInt(rowsRead), isCut });
}
