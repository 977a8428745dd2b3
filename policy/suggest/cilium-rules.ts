import { POD_NAMESPACE_LABEL, POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import type { Direction } from '../model.ts';
import type { RuleNeeds } from './group-needs.ts';
import type { SuggestedPeer } from './needs.ts';
import type { L4Needs, PortItem } from './port-items.ts';

/** A rule as it stands in a manifest, and what is said above it. */
export interface CommentedRule {
  readonly rule: object;
  readonly notes: RuleNeeds['notes'];
  /** What whoever reads it should know. */
  readonly warning: string;
}

/** Cilium's bound of the ports of an item. */
const MAX_PORTS = 40;
const echoRequests: Readonly<Record<string, number>> = { IPv4: 8, IPv6: 128 };

/** The entries of `ingress` or `egress` of a CiliumNetworkPolicy. */
export function ciliumRules(
  direction: Direction,
  { peers, l4, notes }: RuleNeeds,
  namespace: string,
): CommentedRule[] {
  const whom = peerFields(direction, peers, namespace);
  const ports = portFields(l4);
  return ports.map((fields, i) => ({
    rule: { ...whom, ...fields },
    notes: i === 0 ? notes : [],
    warning: '',
  }));
}

function peerFields(direction: Direction, peers: readonly SuggestedPeer[], namespace: string): object {
  const start = direction === 'ingress' ? 'from' : 'to';
  const { kind } = peers[0];
  if (kind === 'pods')
    return { [`${start}Endpoints`]: peers.map((peer) => ({ matchLabels: labelsOf(peer, namespace) })) };
  if (kind === 'entity')
    return { [`${start}Entities`]: peers.map((peer) => peer.kind === 'entity' && peer.entity) };
  const cidrs = peers.flatMap((peer) => (peer.kind === 'address' ? [hostRange(peer.address)] : []));
  return { [`${start}CIDR`]: cidrs };
}

function labelsOf(peer: SuggestedPeer, namespace: string): Record<string, string> {
  if (peer.kind !== 'pods') return {};
  const { selector, cluster } = peer;
  return {
    ...(selector.namespace !== namespace && { [`k8s:${POD_NAMESPACE_LABEL}`]: selector.namespace }),
    ...(cluster !== '' && { [`k8s:${POLICY_CLUSTER_LABEL}`]: cluster }),
    ...Object.fromEntries(selector.labels),
  };
}

/** An entry has ports or types of ICMP; nothing at all stands for every protocol. */
function portFields({ all, ports, icmp }: L4Needs): object[] {
  if (all) return [{}];
  const items = chunks(ports.map(portField), MAX_PORTS).map((some) => ({ ports: some }));
  const fields = icmp.map(({ family, type }) => ({
    family,
    type: type === echoRequests[family] ? 'EchoRequest' : type,
  }));
  return [
    ...(items.length === 0 ? [] : [{ toPorts: items }]),
    ...(fields.length === 0 ? [] : [{ icmps: chunks(fields, MAX_PORTS).map((some) => ({ fields: some })) }]),
  ];
}

function portField({ protocol, first, last }: PortItem): object {
  if (first === 0 && last === 65_535) return { port: '0', protocol };
  return { port: String(first), ...(last > first && { endPort: last }), protocol };
}

/** The range of one address. */
export function hostRange(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
