import { canonicalIp } from '../../cluster/address.ts';
import type { ClusterNode, NamedContainerPort, PodEndpoint } from '../../cluster/model.ts';
import type { PolicyState } from '../compile/policy-state.ts';
import { hostLabels } from '../select/local-identities.ts';
import type { NamedPort } from '../select/matcher.ts';
import {
  IDENTITY_HEALTH,
  IDENTITY_HOST,
  IDENTITY_INGRESS,
  IDENTITY_INIT,
  IDENTITY_KUBE_APISERVER,
  IDENTITY_REMOTE_NODE,
  IDENTITY_UNMANAGED,
  IDENTITY_WORLD_IPV4,
  IDENTITY_WORLD_IPV6,
  reservedIdentities,
} from '../select/reserved-identities.ts';
import { identityOfOutside, type TraceEnd } from './trace-policy.ts';

/** An end as somebody wrote it, found in a cluster. */
export type NamedEnd =
  | { readonly kind: 'pod'; readonly name: string; readonly pod: PodEndpoint }
  | { readonly kind: 'node'; readonly name: string; readonly node: ClusterNode }
  | { readonly kind: 'other'; readonly name: string; readonly end: TraceEnd };

/** Where ends are looked up. */
export interface TraceDirectory {
  readonly state: PolicyState;
  pod(namespace: string, name: string): PodEndpoint | undefined;
  node(name: string): ClusterNode | undefined;
  /** Who has an address, in canonical text. */
  owner(address: string): PodEndpoint | ClusterNode | undefined;
  /** A pod of these labels (`key=value`, of source `k8s`); the namespace is among them. Throws TraceEndError. */
  labelled(text: string, labels: ReadonlyMap<string, string>): NamedEnd;
  /** Of a node, as other nodes see it. */
  identityOfNode(node: ClusterNode): number;
}

/** Why nobody can be meant by a text. The message follows the text that it is about. */
export class TraceEndError extends Error {
  override readonly name = 'TraceEndError';
  /** Whether it is written as it should be, and nobody is there. */
  readonly isUnknown: boolean;

  constructor(message: string, isUnknown: boolean) {
    super(message);
    this.isUnknown = isUnknown;
  }
}

const NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 } as const;
const reservedNames: Readonly<Record<string, number>> = {
  host: IDENTITY_HOST,
  'remote-node': IDENTITY_REMOTE_NODE,
  'kube-apiserver': IDENTITY_KUBE_APISERVER,
  health: IDENTITY_HEALTH,
  init: IDENTITY_INIT,
  unmanaged: IDENTITY_UNMANAGED,
  ingress: IDENTITY_INGRESS,
  'world-ipv4': IDENTITY_WORLD_IPV4,
  'world-ipv6': IDENTITY_WORLD_IPV6,
};
/** Reserved identities that policies police. */
const policed: ReadonlySet<number> = new Set([IDENTITY_HOST, IDENTITY_HEALTH, IDENTITY_INIT]);

/** Names of ends that are there in every cluster. */
export const reservedEndNames: readonly string[] = Object.keys(reservedNames);

/** Finds who is meant: `NAMESPACE/POD`, `node/NAME`, an address, labels, or a reserved name. Throws TraceEndError. */
export function findTraceEnd(text: string, directory: TraceDirectory): NamedEnd {
  if (Object.hasOwn(reservedNames, text)) {
    return { kind: 'other', name: text, end: reservedEnd(reservedNames[text]) };
  }
  if (text.includes('=')) return directory.labelled(text, readLabels(text));
  const ip = canonicalIp(text);
  if (ip !== null) return endOfAddress(ip, directory);
  const slash = text.indexOf('/');
  const [group, name] = [text.slice(0, slash), text.slice(slash + 1)];
  if (slash > 0 && group === 'node') {
    const node = directory.node(name);
    if (node !== undefined) return { kind: 'node', name: text, node };
  } else if (slash > 0) {
    const pod = directory.pod(group, name);
    if (pod !== undefined) return { kind: 'pod', name: text, pod };
  }
  throw new TraceEndError('nobody of that name is known', true);
}

/** The two ends as each sees the other: a node is the host to the pods on it, and another node to everybody else. */
export function traceEnds(from: NamedEnd, to: NamedEnd, directory: TraceDirectory): [TraceEnd, TraceEnd] {
  const seenBy = (end: NamedEnd, other: NamedEnd): TraceEnd => {
    if (end.kind === 'other') return end.end;
    if (end.kind === 'pod') {
      const { identity, labels, namedPorts } = end.pod;
      return { identity, endpoint: { labels, namedPorts: numberedPorts(namedPorts) } };
    }
    const { node } = end;
    const isLocal =
      other.kind === 'pod' && other.pod.cluster === node.cluster && other.pod.nodeName === node.name;
    return {
      identity: isLocal ? IDENTITY_HOST : directory.identityOfNode(node),
      endpoint: { labels: hostLabels(node.labels), isHost: true },
    };
  };
  return [seenBy(from, to), seenBy(to, from)];
}

/** Ports with their protocol as a number. */
export function numberedPorts(ports: readonly NamedContainerPort[] = []): NamedPort[] {
  return ports.map(({ name, protocol, port }) => ({ name, protocol: protocolNumbers[protocol], port }));
}

function reservedEnd(identity: number): TraceEnd {
  if (!policed.has(identity)) return { identity, endpoint: null };
  const labels = reservedIdentities.get(identity) ?? [];
  return { identity, endpoint: { labels, isHost: identity === IDENTITY_HOST } };
}

function endOfAddress(ip: string, directory: TraceDirectory): NamedEnd {
  const owner = directory.owner(ip);
  if (owner === undefined) {
    const end = { identity: identityOfOutside(directory.state, ip)!, endpoint: null };
    return { kind: 'other', name: ip, end };
  }
  if ('podName' in owner) return { kind: 'pod', name: `${owner.namespace}/${owner.podName}`, pod: owner };
  return { kind: 'node', name: `node/${owner.name}`, node: owner };
}

/** The labels that a text states, the namespace `default` where it states none. */
function readLabels(text: string): Map<string, string> {
  const labels = new Map([[NAMESPACE_LABEL, 'default']]);
  for (const part of text.split(',')) {
    const [, key, value] = /^(?:k8s:)?([^=:]+)=([^=]*)$/.exec(part) ?? [];
    if (key === undefined) throw new TraceEndError(`"${part}" is no label: expected KEY=VALUE`, false);
    labels.set(key, value);
  }
  return labels;
}
