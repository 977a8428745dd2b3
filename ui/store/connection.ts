import { create, fromBinary } from '@bufbuild/protobuf';
import { type Flow, type FlowFilter, FlowFilterSchema } from '../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { portsOf } from '../../proto/flow/text/host-text.ts';
import type { FlowFilters } from '../filter/filter-words.ts';
import { callStream } from '../stream/call-stream.ts';
import { flowsRequest, GET_FLOWS } from './flow-feed.ts';
import type { TimeSpan } from './view-state.ts';

const AROUND_MS = 10 * 60_000;
const MAX_FLOWS = 100;
const ENOUGH = 12;

/** The filters for both directions of a flow's connection; null for a flow without addresses. */
export function connectionFilters(flow: Flow): FlowFilters | null {
  const { source = '', destination = '' } = flow.IP ?? {};
  if (source === '' || destination === '') return null;
  const [sourcePort, destinationPort] = portsOf(flow);
  const protocol = flow.l4?.protocol.case;
  const way = (from: string, fromPort: number, to: string, toPort: number): FlowFilter =>
    create(FlowFilterSchema, {
      sourceIp: [from],
      destinationIp: [to],
      ...(fromPort > 0 && { sourcePort: [String(fromPort)] }),
      ...(toPort > 0 && { destinationPort: [String(toPort)] }),
      ...(protocol !== undefined && { protocol: [protocol.toLowerCase()] }),
    });
  return {
    whitelist: [
      way(source, sourcePort, destination, destinationPort),
      way(destination, destinationPort, source, sourcePort),
    ],
    blacklist: [],
  };
}

/**
 * Flows of a connection within ten minutes around one of them, oldest first: how it began, which is when policies decide, what came just before, and what came next. Throws
 * CallError.
 */
export async function readConnection(
  flow: Flow,
  timeMs: number,
  signal: AbortSignal,
): Promise<readonly Flow[]> {
  const filters = connectionFilters(flow);
  if (filters === null) return [flow];
  const read = async (span: TimeSpan): Promise<Flow[]> => {
    const found = await readFlows(filters, { ...span, number: MAX_FLOWS }, signal);
    return found.flatMap(({ responseTypes }) => (responseTypes.case === 'flow' ? [responseTypes.value] : []));
  };
  const [begin, next, before] = await Promise.all([
    read({ sinceMs: timeMs - AROUND_MS, untilMs: timeMs + AROUND_MS }),
    read({ sinceMs: timeMs, untilMs: timeMs + AROUND_MS }),
    readBefore(read, timeMs),
  ]);
  const byId = new Map([...begin, ...before, ...next, flow].map((one) => [one.uuid, one]));
  return [...byId.values()].sort((a, b) => timeOf(a) - timeOf(b));
}

/** A number of flows counts from the begin of a span: to get those before a time, the span grows until there are enough. */
async function readBefore(read: (span: TimeSpan) => Promise<Flow[]>, timeMs: number): Promise<Flow[]> {
  let found: Flow[] = [];
  for (const backMs of [100, 3000, 60_000]) {
    found = await read({ sinceMs: timeMs - backMs, untilMs: timeMs });
    if (found.length >= ENOUGH) break;
  }
  return found;
}

function timeOf({ time }: Flow): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** The flow of an id, or undefined when it is not kept. Throws CallError. */
export async function readFlow(uuid: string, signal: AbortSignal): Promise<GetFlowsResponse | undefined> {
  const whitelist = [create(FlowFilterSchema, { uuid: [uuid] })];
  const found = await readFlows({ whitelist, blacklist: [] }, { number: 1 }, signal);
  return found.find(({ responseTypes }) => responseTypes.case === 'flow');
}

async function readFlows(
  filters: FlowFilters,
  wanted: Parameters<typeof flowsRequest>[1],
  signal: AbortSignal,
): Promise<GetFlowsResponse[]> {
  const found: GetFlowsResponse[] = [];
  for await (const message of callStream(GET_FLOWS, flowsRequest(filters, wanted), signal)) {
    if (found.length < MAX_FLOWS) found.push(fromBinary(GetFlowsResponseSchema, message));
  }
  return found;
}
