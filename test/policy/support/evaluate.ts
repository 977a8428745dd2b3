/**
 * Says what policies mean, straight from their YAML objects and in the plainest way: for one packet it walks through every rule. Slow, and written without a look at the
 * compiler, of which it uses nothing: the two are held against each other.
 */
import { isIP } from 'node:net';
import {
  type EntryYaml,
  type NetworkPolicyPeerYaml,
  peersOf,
  type PolicyYaml,
  type PortYaml,
  type SelectorYaml,
  type ServiceYaml,
  type SpecYaml,
} from './policy-yaml.ts';

/** Somebody who sends or receives. */
export interface End {
  readonly name: string;
  readonly identity: number;
  /** `source:key=value`. */
  readonly labels: readonly string[];
  /** Of somebody outside the cluster; empty for all others. */
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  /** Whether policies are enforced on it. */
  readonly isManaged: boolean;
}

export interface World {
  readonly cluster: string;
  readonly mode: 'default' | 'always' | 'never';
  readonly hostFirewall: boolean;
  readonly services: readonly PlainService[];
}

export interface PlainService {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
}

/** Protocol by name; ICMP messages carry their type as port. */
export interface Packet {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPv6' | 'GRE';
  readonly port: number;
}

export interface Evaluation {
  readonly verdict: 'open' | 'allow' | 'deny' | 'default-deny';
  /** `name path` of the rules that match with that verdict; empty when no rule decided. */
  readonly rules: readonly string[];
}

interface Triple {
  readonly source: string;
  readonly key: string;
  readonly value: string;
}

const NAMESPACE = 'io.kubernetes.pod.namespace';
const NAMESPACE_LABELS = 'io.cilium.k8s.namespace.labels.';
const CLUSTER = 'io.cilium.k8s.policy.cluster';

/** What the subject's policies say about a packet from (ingress) or to (egress) the peer. */
export function evaluate(
  policies: readonly PolicyYaml[],
  world: World,
  direction: 'ingress' | 'egress',
  subject: End,
  peer: End,
  packet: Packet,
): Evaluation {
  const labels = triples(subject);
  const isHost = hasLabel(labels, 'reserved', 'host');
  if (world.mode === 'never' || (isHost && !world.hostFirewall)) return { verdict: 'open', rules: [] };
  const denies: string[] = [];
  const allows: string[] = [];
  let ruleCount = 0;
  let isDefaultDeny = false;
  for (const policy of policies) {
    for (const { spec, path } of specsOf(policy)) {
      if (!selectsSubject(policy, spec, labels, isHost)) continue;
      const lists = ruleListsOf(policy, spec, direction);
      if (lists === null) continue;
      ruleCount++;
      if (lists.defaultDeny) isDefaultDeny = true;
      const matching = (entries: readonly EntryYaml[], suffix: string): string[] =>
        entries.flatMap((entry, i) =>
          matchesEntry(policy, spec, entry, direction, world, subject, peer, packet)
            ? [`${policy.metadata.name} ${path}.${direction}${suffix}[${i}]`]
            : [],
        );
      denies.push(...matching(lists.deny, 'Deny'));
      allows.push(...matching(lists.allow, ''));
    }
  }
  const isForced = world.mode === 'always' || hasLabel(labels, 'reserved', 'init');
  if (ruleCount === 0 && !isForced) return { verdict: 'open', rules: [] };
  if (denies.length > 0) return { verdict: 'deny', rules: denies };
  if (allows.length > 0) return { verdict: 'allow', rules: allows };
  if (!isDefaultDeny && !isForced) return { verdict: 'allow', rules: [] };
  const isFromHost = direction === 'ingress' && hasLabel(triples(peer), 'reserved', 'host') && !isHost;
  if (isFromHost && ruleCount > 0) return { verdict: 'allow', rules: [] };
  return { verdict: 'default-deny', rules: [] };
}

function specsOf(policy: PolicyYaml): { spec: SpecYaml; path: string }[] {
  const specs: SpecYaml[] = [...(policy.spec === undefined ? [] : [policy.spec]), ...(policy.specs ?? [])];
  return specs.map((spec, i) => ({ spec, path: specs.length > 1 ? `specs[${i}]` : 'spec' }));
}

function selectsSubject(
  policy: PolicyYaml,
  spec: SpecYaml,
  labels: readonly Triple[],
  isHost: boolean,
): boolean {
  const namespace = policy.metadata.namespace ?? 'default';
  if (policy.kind === 'NetworkPolicy') {
    return (
      !isHost &&
      hasValue(labels, 'k8s', NAMESPACE, namespace) &&
      selectorMatches(spec.podSelector ?? {}, labels, 'k8s', '')
    );
  }
  if (spec.nodeSelector !== undefined) return isHost && selectorMatches(spec.nodeSelector, labels, 'any', '');
  if (isHost) return false;
  let selector: SelectorYaml = spec.endpointSelector ?? {};
  if (policy.kind === 'CiliumNetworkPolicy') {
    if (!hasValue(labels, 'k8s', NAMESPACE, namespace)) return false;
    // An own k8s: equality for the namespace is overwritten.
    const { [`k8s:${NAMESPACE}`]: _, ...matchLabels } = selector.matchLabels ?? {};
    selector = { ...selector, matchLabels };
  }
  return selectorMatches(selector, labels, 'any', '');
}

function ruleListsOf(
  policy: PolicyYaml,
  spec: SpecYaml,
  direction: 'ingress' | 'egress',
): { allow: readonly EntryYaml[]; deny: readonly EntryYaml[]; defaultDeny: boolean } | null {
  const allow = spec[direction] ?? [];
  if (policy.kind === 'NetworkPolicy') {
    const stated = spec.policyTypes ?? [];
    const types =
      stated.length > 0 ? stated : ['Ingress', ...((spec.egress ?? []).length > 0 ? ['Egress'] : [])];
    const isListed = types.some((type) => type.toLowerCase() === direction);
    return isListed ? { allow, deny: [], defaultDeny: true } : null;
  }
  const deny = spec[`${direction}Deny`] ?? [];
  if (allow.length + deny.length === 0) return null;
  return { allow, deny, defaultDeny: spec.enableDefaultDeny?.[direction] ?? true };
}

function matchesEntry(
  policy: PolicyYaml,
  spec: SpecYaml,
  entry: EntryYaml,
  direction: 'ingress' | 'egress',
  world: World,
  subject: End,
  peer: End,
  packet: Packet,
): boolean {
  const portOwner = direction === 'ingress' ? subject : peer;
  if (policy.kind === 'NetworkPolicy') {
    const peers = entry[direction === 'ingress' ? 'from' : 'to'] ?? [];
    const namespace = policy.metadata.namespace ?? 'default';
    const isPeer = peers.length === 0 || peers.some((one) => networkPolicyPeer(one, namespace, world, peer));
    const ports = entry.ports ?? [];
    return isPeer && (ports.length === 0 || ports.some((port) => networkPolicyPort(port, portOwner, packet)));
  }
  return (
    ciliumPeer(policy, spec, entry, direction, world, peer) &&
    ciliumPorts(entry, direction, portOwner, packet)
  );
}

function networkPolicyPeer(item: NetworkPolicyPeerYaml, namespace: string, world: World, peer: End): boolean {
  if (item.ipBlock !== undefined) return outsideIn(peer, item.ipBlock.cidr, item.ipBlock.except ?? []);
  const labels = triples(peer);
  const pods = item.podSelector ?? {};
  if (!keysOf(pods).includes(CLUSTER) && !hasValue(labels, 'k8s', CLUSTER, world.cluster)) return false;
  if (!selectorMatches(pods, labels, 'k8s', '')) return false;
  if (item.namespaceSelector === undefined) return hasValue(labels, 'k8s', NAMESPACE, namespace);
  return (
    hasLabel(labels, 'k8s', NAMESPACE) &&
    selectorMatches(item.namespaceSelector, labels, 'k8s', NAMESPACE_LABELS)
  );
}

function networkPolicyPort(item: PortYaml, owner: End, packet: Packet): boolean {
  if ((item.protocol ?? 'TCP') !== packet.protocol) return false;
  if (item.port === undefined) return true;
  if (typeof item.port === 'string') {
    return owner.ports.some(
      ({ name, protocol, port }) =>
        name === item.port && protocol === packet.protocol && port === packet.port,
    );
  }
  return packet.port >= item.port && packet.port <= (item.endPort ?? item.port);
}

function ciliumPeer(
  policy: PolicyYaml,
  spec: SpecYaml,
  entry: EntryYaml,
  direction: 'ingress' | 'egress',
  world: World,
  peer: End,
): boolean {
  const { Endpoints, Entities, CIDR, CIDRSet, Nodes, Services = [] } = peersOf(entry, direction);
  const given = [Endpoints, Entities, CIDR, CIDRSet, Nodes].filter((list) => list !== undefined);
  if (given.length === 0 && Services.length === 0) {
    // Nobody is named: anybody if the entry speaks of ports, else nobody.
    return (entry.toPorts ?? []).length > 0 || (entry.icmps ?? []).length > 0;
  }
  if (given.some((list) => list.length === 0)) return false;
  const labels = triples(peer);
  return (
    (Endpoints ?? []).some((selector) => ciliumEndpoint(policy, spec, selector, world, labels)) ||
    (Entities ?? []).some((entity) => isEntity(entity, world, labels)) ||
    (CIDR ?? []).some((cidr) => outsideIn(peer, cidr, [])) ||
    (CIDRSet ?? []).some((item) => outsideIn(peer, item.cidr, item.except ?? [])) ||
    (Nodes ?? []).some(
      (selector) =>
        hasLabel(labels, 'reserved', 'remote-node') &&
        (namesKey(selector, CLUSTER) || hasValue(labels, 'k8s', CLUSTER, world.cluster)) &&
        selectorMatches(selector, labels, 'any', ''),
    ) ||
    Services.some((item) => isBackend(item, world, peer, labels))
  );
}

function ciliumEndpoint(
  policy: PolicyYaml,
  spec: SpecYaml,
  selector: SelectorYaml,
  world: World,
  labels: readonly Triple[],
): boolean {
  if (!selectorMatches(selector, labels, 'any', '')) return false;
  if (keysOf(selector).some((key) => key.startsWith('reserved:'))) return true;
  if (!namesKey(selector, CLUSTER) && !hasValue(labels, 'k8s', CLUSTER, world.cluster)) return false;
  if (namesKey(selector, NAMESPACE)) return true;
  if (policy.kind === 'CiliumNetworkPolicy') {
    if (keysOf(selector).some((key) => withoutSource(key).startsWith(NAMESPACE_LABELS))) return true;
    return hasValue(labels, 'k8s', NAMESPACE, policy.metadata.namespace ?? 'default');
  }
  const isForInit = keysOf(spec.endpointSelector ?? {}).includes('reserved:init');
  return isForInit || hasLabel(labels, 'k8s', NAMESPACE);
}

function isEntity(entity: string, world: World, labels: readonly Triple[]): boolean {
  const is = (key: string): boolean => hasLabel(labels, 'reserved', key);
  const isWorld = is('world') || is('world-ipv4') || is('world-ipv6');
  const isReservedMember =
    is('host') ||
    is('remote-node') ||
    is('init') ||
    is('ingress') ||
    is('health') ||
    is('unmanaged') ||
    is('kube-apiserver');
  switch (entity) {
    case 'all':
      return true;
    case 'none':
      return false;
    case 'world':
      return isWorld;
    case 'cluster':
      return (
        isReservedMember ||
        (hasLabel(labels, 'k8s', NAMESPACE) && hasValue(labels, 'k8s', CLUSTER, world.cluster))
      );
    case 'cluster-mesh':
      return isReservedMember || hasLabel(labels, 'k8s', NAMESPACE);
    default:
      return is(entity);
  }
}

function isBackend(item: ServiceYaml, world: World, peer: End, labels: readonly Triple[]): boolean {
  return world.services.some((service) => {
    const { k8sService: named, k8sServiceSelector: picked } = item;
    const wanted = (named ?? picked)?.namespace ?? '';
    if (wanted !== '' && wanted !== service.namespace) return false;
    if (named !== undefined && named.serviceName !== service.name) return false;
    const own = Object.entries(service.labels).map(([key, value]) => ({ source: 'k8s', key, value }));
    if (picked !== undefined && !selectorMatches(picked.selector, own, 'any', '')) return false;
    const selector = Object.entries(service.selector);
    if (selector.length === 0) return peer.address !== '' && service.addresses.includes(peer.address);
    return (
      hasValue(labels, 'k8s', NAMESPACE, service.namespace) &&
      hasValue(labels, 'k8s', CLUSTER, world.cluster) &&
      selector.every(([key, value]) => hasValue(labels, 'k8s', key, value))
    );
  });
}

const ICMP_TYPES: Readonly<Record<string, number>> = {
  EchoReply: 0,
  EchoRequest: 8,
  Timestamp: 13,
  TimeExceeded: 11,
};
const ICMPV6_TYPES: Readonly<Record<string, number>> = { EchoRequest: 128, EchoReply: 129, PacketTooBig: 2 };

function ciliumPorts(entry: EntryYaml, direction: string, owner: End, packet: Packet): boolean {
  const toPorts = entry.toPorts ?? [];
  const icmps = entry.icmps ?? [];
  if (toPorts.length === 0 && icmps.length === 0) return true;
  const isPort = toPorts.some((item) =>
    (item.ports ?? []).some((port) => ciliumPort(port, direction, owner, packet)),
  );
  const isIcmp = icmps.some((item) =>
    (item.fields ?? []).some((field) => {
      const isV4 = (field.family ?? 'IPv4') === 'IPv4';
      if (packet.protocol !== (isV4 ? 'ICMP' : 'ICMPv6')) return false;
      const type = Number(
        /^\d+$/.test(String(field.type))
          ? field.type
          : (isV4 ? ICMP_TYPES : ICMPV6_TYPES)[String(field.type)],
      );
      return type === 0 || type === packet.port; // type 0 is stored as a wildcard
    }),
  );
  return isPort || isIcmp;
}

function ciliumPort(item: PortYaml, direction: string, owner: End, packet: Packet): boolean {
  const wanted = (item.protocol ?? 'ANY').toUpperCase();
  if (!['TCP', 'UDP', 'SCTP'].includes(packet.protocol)) return false;
  if (wanted !== 'ANY' && wanted !== packet.protocol) return false;
  const end = item.endPort ?? 0;
  const text = String(item.port);
  const within = (first: number, last: number): boolean =>
    packet.port === first || (packet.port > first && packet.port <= last);
  if (/^\d+$/.test(text)) return Number(text) === 0 || within(Number(text), end);
  const found = owner.ports.find(({ name, protocol }) => name === text && protocol === packet.protocol);
  return found !== undefined && within(found.port, direction === 'ingress' ? end : 0);
}

/** Whether somebody outside the cluster has an address in the range and in no exception. */
function outsideIn(peer: End, cidr: string, except: readonly string[]): boolean {
  return peer.address !== '' && isIn(peer.address, cidr) && !except.some((one) => isIn(peer.address, one));
}

export function isIn(address: string, cidr: string): boolean {
  const [base, length] = cidr.split('/');
  if (isIP(base) !== isIP(address)) return false;
  const width = isIP(base) === 4 ? 32 : 128;
  const shift = BigInt(width - Number(length ?? width));
  return toNumber(address) >> shift === toNumber(base) >> shift;
}

function toNumber(address: string): bigint {
  if (isIP(address) === 4) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  const [head, tail] = address.split('::');
  const groups = (text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const left = groups(head);
  const right = groups(tail);
  const middle = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...middle, ...right].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function selectorMatches(
  selector: SelectorYaml,
  labels: readonly Triple[],
  defaultSource: string,
  keyPrefix: string,
): boolean {
  const find = (text: string): string[] => {
    const colon = defaultSource === 'any' ? text.indexOf(':') : -1;
    const source = colon < 0 ? defaultSource : text.slice(0, colon);
    const key = keyPrefix + text.slice(colon + 1);
    return labels
      .filter((label) => label.key === key && (source === 'any' || label.source === source))
      .map(({ value }) => value);
  };
  const equal = Object.entries<string>(selector.matchLabels ?? {}).every(([key, value]) =>
    find(key).includes(value),
  );
  const expressions = selector.matchExpressions ?? [];
  return (
    equal &&
    expressions.every(({ key, operator, values = [] }) => {
      const found = find(key);
      if (operator === 'Exists') return found.length > 0;
      if (operator === 'DoesNotExist') return found.length === 0;
      const isIn = found.some((value) => values.includes(value));
      return operator === 'In' ? isIn : !isIn;
    })
  );
}

function keysOf(selector: SelectorYaml): string[] {
  return [
    ...Object.keys(selector.matchLabels ?? {}),
    ...(selector.matchExpressions ?? []).map(({ key }) => key),
  ];
}

/** Whether a Cilium selector speaks of a key: bare, of any source, or of Kubernetes. */
function namesKey(selector: SelectorYaml, key: string): boolean {
  return keysOf(selector).some((one) => one === key || one === `any:${key}` || one === `k8s:${key}`);
}

function withoutSource(key: string): string {
  return key.replace(/^(any|k8s):/, '');
}

function triples({ labels }: End): Triple[] {
  return labels.map((label) => {
    const [, source, key, value = ''] = /^([^:=]*):([^=]*)(?:=(.*))?$/.exec(label)!;
    return { source, key, value };
  });
}

function hasLabel(labels: readonly Triple[], source: string, key: string): boolean {
  return labels.some((label) => label.source === source && label.key === key);
}

function hasValue(labels: readonly Triple[], source: string, key: string, value: string): boolean {
  return labels.some((label) => label.source === source && label.key === key && label.value === value);
}
