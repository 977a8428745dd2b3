import { BlockList, isIP, isIPv6 } from 'node:net';
import { type Endpoint, type Flow, type FlowFilter, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { plainExpressions, plainPath, plainPatterns } from './plain-text.ts';

/**
 * What a FlowFilter means, said in the plainest way over decoded messages: strings, regular expressions and the platform's own address arithmetic. Filters are taken
 * to be valid. Knows the label selectors `key`, `!key`, `key=v`, `key!=v`, `key in (a,b)`, `key notin (a,b)`, `key>n`, `key<n`, with or without a source, joined by commas;
 * of regular expressions and CEL those that plain-text.ts lists.
 */

const inRange = (cidr: string, address: string): boolean => {
  const [base, bits] = cidr.split('/');
  const list = new BlockList();
  const family = isIPv6(base) ? 'ipv6' : 'ipv4';
  list.addSubnet(base, Number(bits), family);
  const isPlain = isIP(address) === (family === 'ipv6' ? 6 : 4) && !address.includes('%');
  return isPlain && list.check(address, family);
};

/** Ranges as label keys write them, `-` for `:`. */
function rangeInRange(outer: string, inner: string): boolean {
  const [outerRange, innerRange] = [outer, inner].map((key) => key.replaceAll('-', ':'));
  const [address, bits] = innerRange.split('/');
  if (isIP(address) === 0 || Number(bits) < Number(outerRange.split('/')[1])) return false;
  return inRange(outerRange, address);
}

const ip = (values: readonly string[], address: string): boolean =>
  address !== '' &&
  values.some((value) => (value.includes('/') ? inRange(value, address) : value === address));

const named = (values: readonly string[], namespace: string, name: string): boolean =>
  (namespace !== '' || name !== '') &&
  values.some((value) => {
    const [first, second] = value.split('/');
    const wanted = second === undefined ? ['default', first] : [first, second];
    return (wanted[0] === '' || wanted[0] === namespace) && name.startsWith(wanted[1]);
  });

const pattern = (value: string): string =>
  value.trim().replace(/\.$/, '').toLowerCase().replaceAll('.', '[.]').replaceAll('*', '[-a-z0-9.]*');

const ANY = '[a-z0-9_-]+([.][a-z0-9_-]+)*';

const nodeName = (values: readonly string[], name: string): boolean =>
  name !== '' &&
  values.some((value) => {
    const [cluster, node] = value.includes('/') ? value.split('/') : ['', value];
    const source = [cluster, node].map((part) => (part === '' ? ANY : pattern(part))).join('/');
    return new RegExp(`^(?:${source})$`).test(name.includes('/') ? name : `default/${name}`);
  });

function splitLabel(label: string): { source: string; key: string; value: string } {
  let source = 'unspec';
  let rest = label;
  if (label.startsWith('$')) {
    source = 'reserved';
    rest = label.slice(1);
  } else if (label.indexOf(':') > 0) {
    source = label.slice(0, label.indexOf(':'));
    rest = label.slice(label.indexOf(':') + 1);
  } else if (label.startsWith(':')) rest = label.slice(1);
  if (source === 'reserved' && rest.startsWith('=')) return { source, key: rest.slice(1), value: '' };
  const equals = rest.indexOf('=');
  return equals < 0
    ? { source, key: rest, value: '' }
    : { source, key: rest.slice(0, equals), value: rest.slice(equals + 1) };
}

function requirementHolds(text: string, labels: readonly string[]): boolean {
  const [, not, written, operator, operand] =
    /^(!?)([^ !=<>]+?)(?: ?(=|!=|<|>|in|notin) ?\(?([^)]*)\)?)?$/.exec(text) ?? [];
  const colon = written.indexOf(':');
  const [source, key] = colon < 0 ? ['any', written] : [written.slice(0, colon), written.slice(colon + 1)];
  const found = labels
    .map(splitLabel)
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .find((label) =>
      source === 'cidr'
        ? label.source === 'cidr' && rangeInRange(key, label.key)
        : label.key === key && (['any', 'unspec'].includes(source) || source === label.source),
    );
  if (not === '!') return found === undefined;
  if (operator === undefined) return found !== undefined;
  if (operator === '<' || operator === '>') {
    if (found === undefined || !/^[+-]?\d+$/.test(found.value)) return false;
    return operator === '<' ? Number(found.value) < Number(operand) : Number(found.value) > Number(operand);
  }
  const isListed = found !== undefined && operand.split('|').includes(found.value);
  return operator === '=' || operator === 'in' ? isListed : !isListed;
}

/** Values of `in (…)` are joined by `|` here, so that commas only separate requirements. */
const selected = (values: readonly string[], labels: readonly string[]): boolean =>
  values.some(
    (value) =>
      value === '' ||
      value
        .replace(/\(([^)]*)\)/g, (list) => list.replaceAll(',', '|'))
        .split(',')
        .every((requirement) => requirementHolds(requirement, labels)),
  );

function protocols(flow: Flow): string[] {
  const names = [flow.l4?.protocol.case, flow.l7?.record.case].filter((name) => name !== undefined);
  return names.flatMap((name) =>
    name.startsWith('ICMP') ? ['icmp', name.toLowerCase()] : [name.toLowerCase()],
  );
}

function portOf(flow: Flow, side: 'sourcePort' | 'destinationPort'): number | undefined {
  const protocol = flow.l4?.protocol;
  if (protocol?.case !== 'TCP' && protocol?.case !== 'UDP' && protocol?.case !== 'SCTP') return undefined;
  return protocol.value[side] & 0xffff;
}

const workload = (values: FlowFilter['sourceWorkload'], endpoint: Endpoint | undefined): boolean =>
  (endpoint?.workloads ?? []).some((has) =>
    values.some(({ name, kind }) => (name === '' || name === has.name) && (kind === '' || kind === has.kind)),
  );

const searched = (values: readonly string[], text: string): boolean =>
  values.some((value) => plainPatterns[value].test(text));

type Test = (flow: Flow, filter: FlowFilter) => boolean;

const tests: Readonly<Record<string, Test>> = {
  uuid: ({ uuid }, filter) => filter.uuid.includes(uuid),
  verdict: ({ verdict }, filter) => filter.verdict.includes(verdict),
  dropReasonDesc: (flow, filter) =>
    flow.verdict === Verdict.DROPPED && filter.dropReasonDesc.includes(flow.dropReasonDesc),
  eventType: ({ eventType: event }, filter) =>
    event !== undefined &&
    filter.eventType.some(
      (entry) =>
        (entry.type === 0 || entry.type === event.type) &&
        (!entry.matchSubType || entry.subType === event.subType),
    ),
  trafficDirection: (flow, filter) => filter.trafficDirection.includes(flow.trafficDirection),
  reply: (flow, filter) =>
    flow.isReply === undefined
      ? flow.verdict === Verdict.DROPPED && filter.reply.includes(false)
      : filter.reply.includes(flow.isReply),
  encrypted: (flow, filter) => filter.encrypted.includes(flow.IP?.encrypted ?? false),
  ipVersion: (flow, filter) => filter.ipVersion.includes(flow.IP?.ipVersion ?? 0),
  interface: ({ interface: has }, filter) =>
    has !== undefined &&
    filter.interface.some(
      ({ index, name }) => (index === 0 || index === has.index) && (name === '' || name === has.name),
    ),
  traceId: (flow, filter) => filter.traceId.includes(flow.traceContext?.parent?.traceId ?? ''),
  ipTraceId: (flow, filter) => filter.ipTraceId.includes(flow.ipTraceId?.traceId ?? 0n),
  sourceIp: (flow, filter) => ip(filter.sourceIp, flow.IP?.source ?? ''),
  destinationIp: (flow, filter) => ip(filter.destinationIp, flow.IP?.destination ?? ''),
  sourceIpXlated: (flow, filter) => ip(filter.sourceIpXlated, flow.IP?.sourceXlated ?? ''),
  sourcePod: ({ source }, filter) => named(filter.sourcePod, source?.namespace ?? '', source?.podName ?? ''),
  destinationPod: ({ destination }, filter) =>
    named(filter.destinationPod, destination?.namespace ?? '', destination?.podName ?? ''),
  sourceService: ({ sourceService: has }, filter) =>
    named(filter.sourceService, has?.namespace ?? '', has?.name ?? ''),
  destinationService: ({ destinationService: has }, filter) =>
    named(filter.destinationService, has?.namespace ?? '', has?.name ?? ''),
  sourceWorkload: ({ source }, filter) => workload(filter.sourceWorkload, source),
  destinationWorkload: ({ destination }, filter) => workload(filter.destinationWorkload, destination),
  sourceLabel: ({ source }, filter) => selected(filter.sourceLabel, source?.labels ?? []),
  destinationLabel: ({ destination }, filter) => selected(filter.destinationLabel, destination?.labels ?? []),
  nodeLabels: (flow, filter) => selected(filter.nodeLabels, flow.nodeLabels),
  sourceIdentity: ({ source }, filter) =>
    source !== undefined && filter.sourceIdentity.includes(source.identity),
  destinationIdentity: ({ destination }, filter) =>
    destination !== undefined && filter.destinationIdentity.includes(destination.identity),
  sourceFqdn: (flow, filter) =>
    flow.sourceNames.some((name) =>
      filter.sourceFqdn.some((value) => new RegExp(`^${pattern(value)}$`).test(name)),
    ),
  destinationFqdn: (flow, filter) =>
    flow.destinationNames.some((name) =>
      filter.destinationFqdn.some((value) => new RegExp(`^${pattern(value)}$`).test(name)),
    ),
  sourceClusterName: ({ source }, filter) => filter.sourceClusterName.includes(source?.clusterName ?? ''),
  destinationClusterName: ({ destination }, filter) =>
    filter.destinationClusterName.includes(destination?.clusterName ?? ''),
  sourcePort: (flow, filter) => filter.sourcePort.map(Number).includes(portOf(flow, 'sourcePort') ?? -1),
  destinationPort: (flow, filter) =>
    filter.destinationPort.map(Number).includes(portOf(flow, 'destinationPort') ?? -1),
  protocol: (flow, filter) =>
    protocols(flow).some((name) => filter.protocol.map((p) => p.toLowerCase()).includes(name)),
  tcpFlags: ({ l4 }, filter) => {
    const has = l4?.protocol.case === 'TCP' ? l4.protocol.value.flags : undefined;
    const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'NS'] as const;
    return (
      has !== undefined && filter.tcpFlags.some((wanted) => names.every((name) => !wanted[name] || has[name]))
    );
  },
  httpStatusCode: ({ l7 }, filter) => {
    const code = l7?.record.case === 'http' ? l7.record.value.code : 0;
    return (
      code !== 0 &&
      filter.httpStatusCode.some((value) =>
        value.endsWith('+')
          ? String(code).padStart(3, '0').startsWith(value.slice(0, -1))
          : Number(value) === code,
      )
    );
  },
  httpMethod: ({ l7 }, filter) => {
    const method = l7?.record.case === 'http' ? l7.record.value.method : '';
    return method !== '' && filter.httpMethod.some((value) => value.toLowerCase() === method.toLowerCase());
  },
  httpHeader: ({ l7 }, filter) =>
    l7?.record.case === 'http' &&
    l7.record.value.headers.some((has) =>
      filter.httpHeader.some(({ key, value }) => key === has.key && value === has.value),
    ),
  httpPath: ({ l7 }, filter) => {
    const url = l7?.record.case === 'http' ? l7.record.value.url : '';
    const path = url === '' ? null : plainPath(url);
    return path !== null && searched(filter.httpPath, path);
  },
  httpUrl: ({ l7 }, filter) => {
    const url = l7?.record.case === 'http' ? l7.record.value.url : '';
    return url !== '' && searched(filter.httpUrl, url);
  },
  dnsQuery: ({ l7 }, filter) => l7?.record.case === 'dns' && searched(filter.dnsQuery, l7.record.value.query),
  nodeName: (flow, filter) => nodeName(filter.nodeName, flow.nodeName),
};

/** The first expression that is true or fails decides. */
function celMatch(flow: Flow, expressions: readonly string[]): boolean {
  const results = expressions.map((expression) => plainExpressions[expression](flow));
  return expressions.length === 0 || results.find((result) => result !== false) === true;
}

/** Whether a flow passes one filter. */
export function plainMatch(flow: Flow, filter: FlowFilter): boolean {
  return (
    Object.entries(tests).every(
      ([name, test]) =>
        (filter[name as keyof FlowFilter] as readonly unknown[]).length === 0 || test(flow, filter),
    ) && celMatch(flow, filter.experimental?.celExpression ?? [])
  );
}

/** The fields that `plainMatch` knows. */
export const plainFields: readonly string[] = Object.keys(tests);
