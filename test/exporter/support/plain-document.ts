import {
  DropReason,
  type Endpoint,
  type Flow,
  FlowType,
  L7FlowType,
  type Service,
  TraceReason,
  TrafficDirection,
  Verdict,
} from '../../../proto/gen/flow/flow_pb.ts';
import type { GetFlowsResponse } from '../../../proto/gen/observer/observer_pb.ts';
import { decidingPolicies } from '../../../proto/flow/text/verdict-text.ts';
import { tracePointNames } from '../../../proto/flow/text/event-names.ts';

const ofEnum = (values: object, value: number): string =>
  Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value);
const given = <T>(value: T, isGiven: boolean): T | undefined => (isGiven ? value : undefined);
const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
const list = <T>(values: readonly T[]): readonly T[] | undefined =>
  values.length === 0 ? undefined : values;
const slashed = (...parts: string[]): string => parts.filter(Boolean).join('/');

const reserved = (
  'host world unmanaged health init remote-node kube-apiserver ingress world-ipv4 world-ipv6 aggregate-cluster ' +
  'aggregate-cluster-mesh aggregate-world aggregate-remote-node'
).split(' ');

/** Takes out of objects what is undefined, and of objects inside those that nothing is left of. */
function tidy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value)
    .map(([name, inner]) => [name, tidy(inner)] as const)
    .filter(([, inner]) => inner !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function endpointOf(end: Endpoint | undefined, service: Service | undefined): object {
  const { identity = 0, namespace = '', podName = '', workloads = [], clusterName, labels = [] } = end ?? {};
  const name = workloads[0]?.name || (workloads.length === 0 ? podName : '');
  const world = identity > 0 && identity <= reserved.length ? `(${reserved[identity - 1]})` : undefined;
  return {
    cluster: text(clusterName),
    namespace: text(namespace),
    pod: text(podName),
    workload: name === '' ? world : slashed(namespace, name),
    kind: text(workloads[0]?.kind),
    identity: given(identity, identity !== 0 || name !== '' || namespace !== ''),
    labels: list(labels),
    service: service && slashed(service.namespace, service.name),
  };
}

function layer4Of({ l4 }: Flow): { transport?: string; ports?: [number, number]; rest?: object } {
  switch (l4?.protocol.case) {
    case 'TCP': {
      const { sourcePort, destinationPort, flags } = l4.protocol.value;
      const order = ['SYN', 'ACK', 'RST', 'FIN', 'PSH', 'URG', 'ECE', 'CWR', 'NS'] as const;
      const set = order.filter((name) => flags?.[name]);
      return { transport: 'tcp', ports: [sourcePort, destinationPort], rest: { tcp_flags: list(set) } };
    }
    case 'UDP':
    case 'SCTP': {
      const { sourcePort, destinationPort } = l4.protocol.value;
      return { transport: l4.protocol.case.toLowerCase(), ports: [sourcePort, destinationPort] };
    }
    case 'ICMPv4':
    case 'ICMPv6': {
      const { type, code } = l4.protocol.value;
      return {
        transport: l4.protocol.case === 'ICMPv4' ? 'icmp' : 'ipv6-icmp',
        rest: { icmp: { type, code } },
      };
    }
    case 'VRRP':
    case 'IGMP':
      return { transport: l4.protocol.case.toLowerCase() };
    default:
      return {};
  }
}

function layer7Of({ l7 }: Flow): { protocol?: string; parts?: object; rest?: object } {
  const record = l7?.record;
  const isResponse = l7?.type === L7FlowType.RESPONSE;
  switch (record?.case) {
    case 'dns': {
      const { query, qtypes, rcode, ips, rrtypes, ttl, cnames } = record.value;
      const codes =
        'NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE'.split(
          ' ',
        );
      const dns = {
        type: isResponse ? 'answer' : 'query',
        question: { name: text(query.length > 1 ? query.replace(/\.$/, '') : query), type: list(qtypes) },
        ...(isResponse && {
          response_code: codes[rcode] ?? String(rcode),
          resolved_ip: list(ips),
          answers: given({ ttl, type: rrtypes }, rrtypes.length > 0),
        }),
      };
      return { protocol: 'dns', parts: { dns }, rest: { cnames: list(cnames) } };
    }
    case 'http': {
      const { method, code, url, protocol, headers } = record.value;
      const http = {
        version: text(protocol.length > 5 ? protocol.replace(/^HTTP\//, '') : protocol),
        request: { method: text(method) },
        response: { status_code: given(code, code !== 0) },
      };
      return {
        protocol: 'http',
        parts: { http, url: { original: text(url) } },
        rest: { http_headers: list(headers.map(({ key, value }) => `${key}: ${value}`)) },
      };
    }
    case 'kafka':
      return { protocol: 'kafka' };
    default:
      return {};
  }
}

function actionOf({ eventType, l7 }: Flow): string | undefined {
  const { type = 0, subType = 0 } = eventType ?? {};
  const sockets = ['pre-xlate-fwd', 'post-xlate-fwd', 'pre-xlate-rev', 'post-xlate-rev'];
  const others: Record<number, string> = {
    1: 'drop',
    2: 'debug',
    3: 'capture',
    5: 'policy-verdict',
    130: 'agent',
  };
  if (type === 0) return undefined;
  if (type === 4) return tracePointNames[subType & 255] ?? String(subType & 255);
  if (type === 7) return sockets[subType - 1] ?? 'SOCK_XLATE_POINT_UNKNOWN';
  if (type === 129) return l7?.type ? `l7-${ofEnum(L7FlowType, l7.type).toLowerCase()}` : 'l7';
  return others[type] ?? String(type);
}

function matchOf({ eventType, policyMatchType }: Flow): string | undefined {
  if (eventType?.type !== 5) return undefined;
  return (
    ['none', 'L3-Only', 'L3-L4', 'L4-Only', 'all', 'L3-Proto', 'Proto-Only'][policyMatchType] ?? 'unknown'
  );
}

/** The document of a flow, made from the decoded message field by field: what the writer is held against. */
export function plainDocument({ nodeName, time, responseTypes }: GetFlowsResponse): unknown {
  if (responseTypes.case !== 'flow') throw new Error('no flow');
  const flow = responseTypes.value;
  const { seconds, nanos } = flow.time ?? time ?? { seconds: 0n, nanos: 0 };
  const layer4 = layer4Of(flow);
  const layer7 = layer7Of(flow);
  const names = (nodeName || flow.nodeName).split(/\/(.*)/s);
  const outcomes: Record<number, [string, ...string[]]> = {
    [Verdict.FORWARDED]: ['success', 'allowed'],
    [Verdict.REDIRECTED]: ['success', 'allowed'],
    [Verdict.AUDIT]: ['success', 'allowed'],
    [Verdict.DROPPED]: ['failure', 'denied'],
    [Verdict.ERROR]: ['failure', 'error'],
  };
  const [outcome, ...types] = outcomes[flow.verdict] ?? ['unknown'];
  const version = flow.IP?.ipVersion ?? 0;
  const direction = flow.trafficDirection;
  const latency = Number(flow.l7?.latencyNs ?? 0n);
  const end = (which: 0 | 1): object => ({
    ip: text(which === 0 ? flow.IP?.source : flow.IP?.destination),
    port: layer4.ports?.[which] || undefined,
    domain: list(which === 0 ? flow.sourceNames : flow.destinationNames),
    nat: which === 0 ? { ip: text(flow.IP?.sourceXlated) } : undefined,
  });
  return tidy({
    '@timestamp': `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`,
    source: end(0),
    destination: end(1),
    network: {
      transport: layer4.transport,
      type: version === 1 ? 'ipv4' : version === 2 ? 'ipv6' : undefined,
      direction:
        direction === 1 || direction === 2 ? ofEnum(TrafficDirection, direction).toLowerCase() : undefined,
      protocol: layer7.protocol,
    },
    ...layer7.parts,
    rule: {
      name: list(decidingPolicies(flow).map(({ kind, namespace, name }) => slashed(kind, namespace, name))),
    },
    trace: { id: text(flow.traceContext?.parent?.traceId) },
    event: {
      action: actionOf(flow),
      type: ['connection', ...types, ...(flow.Type === FlowType.L7 ? ['protocol'] : [])],
      outcome,
      reason: flow.dropReasonDesc === 0 ? undefined : ofEnum(DropReason, flow.dropReasonDesc),
      duration: latency > 0 ? latency : undefined,
    },
    orchestrator: { cluster: { name: names.length > 1 ? names[0] : undefined } },
    observer: {
      name: names.length > 1 ? names[1] : names[0],
      product: text(flow.emitter?.name),
      version: text(flow.emitter?.version),
    },
    sluice: {
      verdict: ofEnum(Verdict, flow.verdict),
      type: ofEnum(FlowType, flow.Type),
      reply: flow.isReply,
      match: matchOf(flow),
      trace_reason: flow.traceReason === 0 ? undefined : ofEnum(TraceReason, flow.traceReason),
      ...layer4.rest,
      interface:
        flow.interface &&
        (text(flow.interface.name) ?? (flow.interface.index ? String(flow.interface.index) : undefined)),
      encrypted: flow.IP?.encrypted || undefined,
      proxy_port: flow.proxyPort || undefined,
      ...layer7.rest,
      source: endpointOf(flow.source, flow.sourceService),
      destination: endpointOf(flow.destination, flow.destinationService),
    },
  });
}
