import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Endpoint,
  type Flow,
  FlowSchema,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { portsOf } from '../../proto/flow/text/host-text.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { Policies, type TraceResult } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { buildFilters } from '../filter/filter-words.ts';
import { endWords } from '../model/selection-words.ts';
import { callStream } from '../stream/call-stream.ts';
import { callUnary } from '../stream/call-unary.ts';
import type { DraftEnd, DraftGoal } from './check-policy.ts';
import type { EdgeEnds } from './edge-of-id.ts';

const MAX_FLOWS = 100;
const protocols: Readonly<Record<string, number>> = { ICMPv4: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132 };

/** The newest flows over an edge that were denied or would have been: one for each port and side, the newest first. Throws CallError. */
export async function loadDenied(
  { from, to }: EdgeEnds,
  sinceMs: number,
  untilMs: number | undefined,
  signal: AbortSignal,
): Promise<Flow[]> {
  const { whitelist } = buildFilters([...endWords(from, 'from-'), ...endWords(to, 'to-')]);
  const request = create(GetFlowsRequestSchema, {
    whitelist: whitelist.map((filter) => ({ ...filter, verdict: [Verdict.DROPPED, Verdict.AUDIT] })),
    since: timestampFromMs(sinceMs),
    ...(untilMs !== undefined && { until: timestampFromMs(untilMs) }),
    number: BigInt(MAX_FLOWS),
  });
  const newest = new Map<string, Flow>();
  const bytes = toBinary(GetFlowsRequestSchema, request);
  for await (const message of callStream('observer.Observer/GetFlows', bytes, signal)) {
    const { responseTypes } = fromBinary(GetFlowsResponseSchema, message);
    if (responseTypes.case !== 'flow') continue;
    const flow = responseTypes.value;
    const key = deniedKey(flow);
    // A verdict tells of the policy, the drop behind it of the packet: the first of both has the labels, too.
    newest.delete(key);
    newest.set(key, flow);
  }
  return [...newest.values()].toReversed();
}

/** What tells denials over one edge apart: side, port and protocol. */
export function deniedKey(flow: Flow): string {
  const protocol = flow.l4?.protocol.case ?? '';
  return `${sideOf(flow)} ${portsOf(flow)[1]}/${protocol}`;
}

export function sideOf({ trafficDirection }: Flow): 'egress' | 'ingress' {
  return trafficDirection === TrafficDirection.EGRESS ? 'egress' : 'ingress';
}

/** The same flow as the other side would tell of it. */
export function seenFrom(flow: Flow, side: 'egress' | 'ingress'): Flow {
  const trafficDirection = side === 'egress' ? TrafficDirection.EGRESS : TrafficDirection.INGRESS;
  return create(FlowSchema, { ...flow, trafficDirection });
}

/** What a draft for a flow is to achieve. */
export function goalOf(flow: Flow): DraftGoal {
  const side = sideOf(flow);
  const source = draftEnd(flow.source, flow.IP?.source ?? '');
  const destination = draftEnd(flow.destination, flow.IP?.destination ?? '');
  const own = side === 'egress' ? flow.source : flow.destination;
  return {
    side,
    cluster: own?.clusterName ?? '',
    own: side === 'egress' ? source : destination,
    peer: side === 'egress' ? destination : source,
    port: portOrType(flow),
    protocol: protocolNumber(flow),
  };
}

function draftEnd(endpoint: Endpoint | undefined, ip: string): DraftEnd {
  return {
    identity: endpoint?.identity ?? 0,
    labels: endpoint?.labels ?? [],
    ip,
    isPod: (endpoint?.podName ?? '') !== '',
  };
}

const protocolNumber = ({ l4 }: Flow): number => protocols[l4?.protocol.case ?? ''] ?? 0;

function portOrType(flow: Flow): number {
  const protocol = flow.l4?.protocol;
  return protocol?.case === 'ICMPv4' || protocol?.case === 'ICMPv6' ? protocol.value.type : portsOf(flow)[1];
}

/** What the policies in force say of a flow's connection at both ends. Null where nobody can say, such as of pods that are gone. */
export async function traceFlow(flow: Flow, signal: AbortSignal): Promise<TraceResult | null> {
  const protocol = protocolNumber(flow);
  if (protocol === 0) return null;
  const end = (endpoint: Endpoint | undefined, ip: string): string =>
    endpoint !== undefined && endpoint.podName !== '' ? `${endpoint.namespace}/${endpoint.podName}` : ip;
  const question = {
    from: end(flow.source, flow.IP?.source ?? ''),
    to: end(flow.destination, flow.IP?.destination ?? ''),
    port: portOrType(flow),
    protocol,
  };
  const { traces } = await callUnary(Policies.method.trace, question, signal);
  const fits = (result: TraceResult): boolean =>
    (result.from?.cluster ?? '') === (flow.source?.clusterName ?? '') &&
    (result.to?.cluster ?? '') === (flow.destination?.clusterName ?? '');
  return traces.find(fits) ?? traces.at(0) ?? null;
}
