import { fromBinary } from '@bufbuild/protobuf';
import {
  DropReason,
  type Endpoint,
  type Flow,
  L7FlowType,
  type Policy,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { keyOfName, type NamedKey } from '../../proto/flow/aggregate/group-keys.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import { tracePointName } from '../../proto/flow/text/event-names.ts';

/** A row as plain values. */
export interface PlainRow {
  flows: number;
  forwarded: number;
  dropped: number;
  audited: number;
  errors: number;
  redirected: number;
  firstUs: number;
  lastUs: number;
}

const reserved = [
  'unknown host world unmanaged health init remote-node kube-apiserver ingress world-ipv4 world-ipv6',
  'aggregate-cluster aggregate-cluster-mesh aggregate-world aggregate-remote-node',
].flatMap((names) => names.split(' '));

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

function pair(namespace: string, name: string): string {
  return name === '' ? '' : join(namespace, name);
}

function portOf(flow: Flow, end: 'source' | 'destination'): number {
  const protocol = flow.l4?.protocol;
  if (protocol?.case !== 'TCP' && protocol?.case !== 'UDP' && protocol?.case !== 'SCTP') return 0;
  return (end === 'source' ? protocol.value.sourcePort : protocol.value.destinationPort) & 0xffff;
}

function endText(flow: Flow, end: 'source' | 'destination', what: string): string {
  const endpoint: Partial<Endpoint> = flow[end] ?? {};
  const { namespace = '', podName = '', workloads = [], identity = 0, clusterName = '' } = endpoint;
  const service = end === 'source' ? flow.sourceService : flow.destinationService;
  const names = (end === 'source' ? flow.sourceNames : flow.destinationNames)
    .filter((name) => name !== '')
    .join(',');
  const ip = flow.IP?.[end] ?? '';
  switch (what) {
    case '':
      if (service === undefined) return pair(namespace, podName) || names || ip;
      return pair(service.namespace, podName) || pair(service.namespace, service.name) || names || ip;
    case 'pod':
      return pair(namespace, podName);
    case 'workload':
      return (
        pair(namespace, workloads[0]?.name ?? '') ||
        pair(namespace, podName) ||
        (identity > 0 && identity < reserved.length ? `(${reserved[identity]})` : '')
      );
    case 'workload-kind':
      return workloads[0]?.kind ?? '';
    case 'namespace':
      return namespace;
    case 'service':
      return pair(service?.namespace ?? '', service?.name ?? '');
    case 'identity':
      return reserved[identity] ?? String(identity);
    case 'ip':
      return ip;
    case 'dns-name':
      return names;
    case 'port':
      return portOf(flow, end) === 0 ? '' : String(portOf(flow, end));
    default:
      return clusterName;
  }
}

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN'].concat(
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
);
const flagNames = ['SYN', 'ACK', 'RST', 'FIN', 'PSH', 'URG', 'ECE', 'CWR', 'NS'] as const;
const eventNames: Readonly<Record<number, string>> = {
  1: 'drop',
  2: 'debug',
  3: 'capture',
  5: 'policy-verdict',
  7: 'trace-sock',
  129: 'l7',
  130: 'agent',
};

function policies(flow: Flow): readonly Policy[] {
  const isAllowed = flow.verdict === Verdict.FORWARDED || flow.verdict === Verdict.REDIRECTED;
  if (flow.trafficDirection === TrafficDirection.INGRESS)
    return isAllowed ? flow.ingressAllowedBy : flow.ingressDeniedBy;
  if (flow.trafficDirection === TrafficDirection.EGRESS)
    return isAllowed ? flow.egressAllowedBy : flow.egressDeniedBy;
  return [];
}

function flowText(flow: Flow, name: string): string {
  const record = flow.l7?.record;
  const http = record?.case === 'http' ? record.value : undefined;
  const dns = record?.case === 'dns' ? record.value : undefined;
  switch (name) {
    case 'protocol':
      if (record?.case === 'http' || record?.case === 'dns') return record.case.toUpperCase();
      return record?.case === 'kafka' ? 'Kafka' : (flow.l4?.protocol.case ?? '');
    case 'verdict':
      return enumName(Verdict, flow.verdict);
    case 'drop-reason':
      return flow.dropReasonDesc === 0 ? '' : enumName(DropReason, flow.dropReasonDesc);
    case 'direction':
      return flow.trafficDirection === 0
        ? ''
        : enumName(TrafficDirection, flow.trafficDirection).toLowerCase();
    case 'node':
      return flow.nodeName;
    case 'reply':
      return flow.isReply === undefined ? '' : String(flow.isReply);
    case 'tcp-flags': {
      const flags = flow.l4?.protocol.case === 'TCP' ? flow.l4.protocol.value.flags : undefined;
      return flagNames.filter((flag) => flags?.[flag] === true).join(', ');
    }
    case 'policy':
      return policies(flow)
        .map((policy) => join(policy.kind, policy.namespace, policy.name))
        .join(',');
    case 'type': {
      if (flow.eventType === undefined) return '';
      const { type, subType } = flow.eventType;
      return type === 4 ? tracePointName(subType & 255) : (eventNames[type] ?? String(type));
    }
    case 'ip-version':
      return ['', '4', '6'][flow.IP?.ipVersion ?? 0] ?? '';
    case 'interface':
      return flow.interface?.name ?? '';
    case 'dns-query':
      return dns?.query ?? '';
    case 'dns-rcode':
      return dns === undefined || flow.l7?.type !== L7FlowType.RESPONSE
        ? ''
        : (rcodes[dns.rcode] ?? String(dns.rcode));
    case 'http-method':
      return http?.method ?? '';
    case 'http-url':
      return http?.url ?? '';
    case 'http-status':
      return http === undefined || http.code === 0 ? '' : String(http.code);
    default:
      return flow.IP === undefined ? '' : String(flow.IP.encrypted);
  }
}

/** At most so many bytes of a text's beginning, in whole characters. */
function cut(text: string, bytes = 512): string {
  let end = Math.min(bytes, Buffer.byteLength(text));
  const buffer = Buffer.from(text);
  while (end < buffer.length && (buffer[end] & 0xc0) === 0x80) end--;
  return buffer.toString('utf8', 0, end);
}

/** The text of a response's key, by the book: from the decoded message. Times are cut to `bucketMs`. */
function plainResponseText({ time }: GetFlowsResponse, flow: Flow, name: string, bucketMs: number): string {
  if (name !== 'time') return plainKeyText(flow, name);
  const us = Number(time?.seconds ?? 0n) * 1e6 + Math.floor((time?.nanos ?? 0) / 1000);
  const begin = Math.floor(us / 1000 / bucketMs) * bucketMs;
  return us <= 0 || begin > 8.64e15 ? '' : new Date(begin).toISOString().replace('.000Z', 'Z');
}

/** The text of a flow's key, by the book: from the decoded message. */
export function plainKeyText(flow: Flow, name: string): string {
  return cut(wholeKeyText(flow, name));
}

function wholeKeyText(flow: Flow, name: string): string {
  const match = /^(source|destination|client|server)(?:-(.*))?$/.exec(name);
  if (match === null) return flowText(flow, name);
  const [, role, what = ''] = match;
  const isSource =
    role === 'source' ||
    (role === 'client' && flow.isReply !== true) ||
    (role === 'server' && flow.isReply === true);
  return endText(flow, isSource ? 'source' : 'destination', what);
}

const verdicts: Readonly<Record<number, keyof PlainRow>> = {
  [Verdict.FORWARDED]: 'forwarded',
  [Verdict.DROPPED]: 'dropped',
  [Verdict.AUDIT]: 'audited',
  [Verdict.ERROR]: 'errors',
  [Verdict.REDIRECTED]: 'redirected',
};

/** Counts one response. Keys of the result are the texts in JSON. */
export function countPlainly(
  rows: Map<string, PlainRow>,
  response: GetFlowsResponse,
  names: readonly string[],
  bucketMs = 60_000,
): void {
  if (response.responseTypes.case !== 'flow') return;
  const flow = response.responseTypes.value;
  const key = JSON.stringify(names.map((name) => plainResponseText(response, flow, name, bucketMs)));
  let row = rows.get(key);
  if (row === undefined) {
    row = {
      flows: 0,
      forwarded: 0,
      dropped: 0,
      audited: 0,
      errors: 0,
      redirected: 0,
      firstUs: 0,
      lastUs: 0,
    };
    rows.set(key, row);
  }
  row.flows++;
  const measure = verdicts[flow.verdict];
  if (measure !== undefined) row[measure]++;
  const { seconds = 0n, nanos = 0 } = response.time ?? {};
  const us = Number(seconds) * 1e6 + Math.floor(nanos / 1000);
  if (us <= 0) return;
  row.firstUs = row.firstUs === 0 ? us : Math.min(row.firstUs, us);
  row.lastUs = Math.max(row.lastUs, us);
}

/** Decode, then aggregate: how it would be done without an index. */
export function aggregatePlainly(
  messages: readonly Uint8Array[],
  names: readonly string[],
): Map<string, PlainRow> {
  const rows = new Map<string, PlainRow>();
  for (const message of messages) countPlainly(rows, fromBinary(GetFlowsResponseSchema, message), names);
  return rows;
}

/** Keys by their names. */
export function keysOf(names: readonly string[]): NamedKey[] {
  return names.map((name) => keyOfName(name)!);
}
