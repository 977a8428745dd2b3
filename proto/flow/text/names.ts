import { AuthType, DropReason, TrafficDirection, Verdict } from '../../gen/flow/flow_pb.ts';

/** Name of an enum value; the number as text when this version does not know it. */
export function enumName(values: Readonly<Record<string, number | string>>, value: number): string {
  for (const [name, number] of Object.entries(values)) if (number === value) return name;
  return String(value);
}

const reservedIdentities = [
  'unknown',
  'host',
  'world',
  'unmanaged',
  'health',
  'init',
  'remote-node',
  'kube-apiserver',
  'ingress',
  'world-ipv4',
  'world-ipv6',
  'aggregate-cluster',
  'aggregate-cluster-mesh',
  'aggregate-world',
  'aggregate-remote-node',
];

/** Number of a reserved identity's name; undefined for others, and for `unknown`, which no flag accepts. */
export function reservedIdentity(name: string): number | undefined {
  const number = reservedIdentities.indexOf(name);
  return number > 0 ? number : undefined;
}

/** Names that identity flags accept. */
export const reservedIdentityNames = reservedIdentities.slice(1);

/** An identity as people see it: `(world)` or `(ID:20417)`. */
export function identityText(identity: number): string {
  const name = reservedIdentities[identity];
  return name === undefined ? `(ID:${identity})` : `(${name})`;
}

const tracePoints = [
  'to-endpoint',
  'to-proxy',
  'to-host',
  'to-stack',
  'to-overlay',
  'from-endpoint',
  'from-proxy',
  'from-host',
  'from-stack',
  'from-overlay',
  'from-network',
  'to-network',
  'from-crypto',
  'to-crypto',
];

/** Name of a trace observation point in the datapath's numbering; decimal when unknown. */
export function tracePointName(subType: number): string {
  const point = subType & 0xff;
  return tracePoints[point] ?? String(point);
}

/** Number of a trace observation point's name; undefined when there is none of that name. */
export function tracePointNumber(name: string): number | undefined {
  const number = tracePoints.indexOf(name);
  return number < 0 ? undefined : number;
}

export const tracePointNames: readonly string[] = tracePoints;

/** A drop reason in words, made from its name in the API: `Policy denied`. */
export function dropReasonText(subType: number): string {
  const code = subType & 0xff;
  const name = enumName(DropReason, code);
  if (code === 0 || name === String(code)) return `${code}, 0`;
  const words = name
    .replace(/^DROP_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return text.replace(
    /\b(ct|ip|ipv4|ipv6|icmpv4|icmpv6|l2|l3|l4|tcp|mac|vlan|vni|nat|nat46|nat64|ttl|fib|igmp|sid|srv6|id|lb|edt|ack|dsr)\b/gi,
    (word) => word.toUpperCase().replace(/V(?=[46])/, 'v'),
  );
}

const matchTypes = ['none', 'L3-Only', 'L3-L4', 'L4-Only', 'all', 'L3-Proto', 'Proto-Only'];

/** What of a policy matched, as the TYPE column says it. */
export function policyMatchText(matchType: number): string {
  return matchTypes[matchType] ?? 'unknown';
}

export const verdictName = (value: number): string => enumName(Verdict, value);
export const directionName = (value: number): string => enumName(TrafficDirection, value);
export const authTypeName = (value: number): string => enumName(AuthType, value);
