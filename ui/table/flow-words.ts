import {
  DropReason,
  type Endpoint,
  type Flow,
  IPVersion,
  L7FlowType,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { rcodeNames } from '../../proto/flow/text/dns-rcode.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import { eventTypes, tracePointName } from '../../proto/flow/text/event-names.ts';
import { portsOf } from '../../proto/flow/text/host-text.ts';
import { reservedIdentityNames } from '../../proto/flow/text/identity-text.ts';
import type { FilterWord } from '../filter/filter-words.ts';

/** A filter that a cell stands for, without its sign. */
export type CellWord = Omit<FilterWord, 'isNot'>;

export type EndName = 'source' | 'destination';
const sides = { source: 'from', destination: 'to' } as const;

/** How an end is called: where it belongs, in faint letters, and its name. */
export interface EndTitle {
  readonly scope: string;
  readonly name: string;
  readonly word: CellWord | null;
}

/** The best name of an end: its pod, service, DNS name, reserved identity, or address; with the filter that means it. */
export function endTitle(flow: Flow, end: EndName): EndTitle {
  const endpoint: Endpoint | undefined = flow[end];
  const service = end === 'source' ? flow.sourceService : flow.destinationService;
  const names = end === 'source' ? flow.sourceNames : flow.destinationNames;
  const side = sides[end];
  if (endpoint !== undefined && endpoint.podName !== '') {
    const { namespace, podName } = endpoint;
    return named(namespace, podName, { flag: `${side}-pod`, value: joined(namespace, podName) });
  }
  if (service !== undefined && service.name !== '') {
    const { namespace, name } = service;
    return named(namespace, name, { flag: `${side}-service`, value: joined(namespace, name) });
  }
  const reserved = reservedName(endpoint?.identity ?? 0);
  const [dnsName] = names;
  if (dnsName !== undefined) return named(reserved, dnsName, { flag: `${side}-fqdn`, value: dnsName });
  const ip = flow.IP?.[end] ?? '';
  if (reserved !== '' && !reserved.startsWith('world')) {
    return named('', reserved, { flag: `${side}-identity`, value: reserved });
  }
  return ip === ''
    ? { scope: '', name: reserved, word: null }
    : named(reserved, ip, { flag: `${side}-ip`, value: ip });
}

/** The name of a reserved identity; empty for others. */
export function reservedName(identity: number): string {
  return reservedIdentityNames[identity - 1] ?? '';
}

function named(scope: string, name: string, word: CellWord): EndTitle {
  return { scope, name, word };
}

function joined(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** `address:port`, IPv6 in brackets; the address alone without a port. */
export function addressText(flow: Flow, end: EndName): string {
  const ip = flow.IP?.[end] ?? '';
  const port = portsOf(flow)[end === 'source' ? 0 : 1];
  if (port === 0) return ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** HTTP or DNS where it was looked into, else the protocol above IP. */
export function protocolText({ l4, l7 }: Flow): string {
  const record = l7?.record.case;
  if (record === 'http' || record === 'dns') return record.toUpperCase();
  return l4?.protocol.case ?? '';
}

export function verdictName({ verdict }: Flow): string {
  return enumName(Verdict, verdict);
}

export function dropReasonName({ dropReasonDesc }: Flow): string {
  return dropReasonDesc === DropReason.DROP_REASON_UNKNOWN ? '' : enumName(DropReason, dropReasonDesc);
}

export function directionName({ trafficDirection }: Flow): string {
  return trafficDirection === TrafficDirection.TRAFFIC_DIRECTION_UNKNOWN
    ? ''
    : enumName(TrafficDirection, trafficDirection).toLowerCase();
}

export function ipVersionName({ IP }: Flow): string {
  return IP?.ipVersion === IPVersion.IPv4 ? '4' : IP?.ipVersion === IPVersion.IPv6 ? '6' : '';
}

const typeNames: ReadonlyMap<number, string> = new Map([...eventTypes].map(([name, type]) => [type, name]));

/** Kind of event as `--type` takes it. */
export function eventTypeName({ eventType }: Flow): string {
  if (eventType === undefined) return '';
  const name = typeNames.get(eventType.type) ?? String(eventType.type);
  return name === 'trace' ? `trace:${tracePointName(eventType.subType)}` : name;
}

const flagNames = ['SYN', 'ACK', 'RST', 'FIN', 'PSH', 'URG', 'ECE', 'CWR', 'NS'] as const;

/** TCP flags as `--tcp-flags` takes them. */
export function tcpFlagsText({ l4 }: Flow): string {
  const flags = l4?.protocol.case === 'TCP' ? l4.protocol.value.flags : undefined;
  return flagNames.filter((name) => flags?.[name] === true).join(',');
}

/** What was said above the transport, in a line: `GET /items/7 200`, `api.example.com? A`. */
export function layer7Text({ l7 }: Flow): string {
  const record = l7?.record;
  switch (record?.case) {
    case 'http': {
      const { method, url, code } = record.value;
      return [method, url, code === 0 ? '' : String(code)].filter((part) => part !== '').join(' ');
    }
    case 'dns': {
      const { query, qtypes, rcode, ips, cnames } = record.value;
      const name = query.replace(/\.$/, '');
      if (l7?.type !== L7FlowType.RESPONSE) return `${name}? ${qtypes.join(' ')}`.trim();
      const answer = [...ips, ...cnames].join(', ');
      return `${name} ${rcode === 0 ? `= ${answer || 'nothing'}` : (rcodeNames[rcode] ?? `rcode ${rcode}`)}`;
    }
    default:
      return '';
  }
}
