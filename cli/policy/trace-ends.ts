import type { ClusterNode, PodEndpoint } from '../../cluster/index.ts';
import { canonicalIp } from '../../cluster/index.ts';
import {
  hostLabels,
  IDENTITY_HEALTH,
  IDENTITY_HOST,
  IDENTITY_INGRESS,
  IDENTITY_INIT,
  IDENTITY_KUBE_APISERVER,
  IDENTITY_REMOTE_NODE,
  IDENTITY_UNMANAGED,
  IDENTITY_WORLD_IPV4,
  IDENTITY_WORLD_IPV6,
  identityOfOutside,
  reservedIdentities,
  type TraceEnd,
} from '../../policy/index.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { numberedPorts, type OfflineCluster } from './offline-cluster.ts';

/** An end as somebody typed it, found in the cluster. */
export type NamedEnd =
  | { readonly kind: 'pod'; readonly name: string; readonly pod: PodEndpoint }
  | { readonly kind: 'node'; readonly name: string; readonly node: ClusterNode }
  | { readonly kind: 'other'; readonly name: string; readonly end: TraceEnd };

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

/** Finds who is meant. Throws UsageError that names the flag. */
export function findEnd(flag: string, text: string | undefined, cluster: OfflineCluster): NamedEnd {
  if (text === undefined || text === '') throw new UsageError(`flag ${flag} is missing: who is it about?`);
  if (Object.hasOwn(reservedNames, text))
    return { kind: 'other', name: text, end: reservedEnd(reservedNames[text]) };
  if (text.includes('=')) return { kind: 'other', name: text, end: labelledEnd(flag, text, cluster) };
  const ip = canonicalIp(text);
  if (ip !== null) return endOfAddress(ip, cluster);
  const slash = text.indexOf('/');
  const [group, name] = [text.slice(0, slash), text.slice(slash + 1)];
  if (slash > 0 && group === 'node') {
    const node = cluster.nodes.find((one) => one.name === name);
    if (node !== undefined) return { kind: 'node', name: text, node };
  } else if (slash > 0) {
    const pod = cluster.pods.find(({ namespace, podName }) => namespace === group && podName === name);
    if (pod !== undefined) return { kind: 'pod', name: text, pod };
  }
  throw unknownEnd(flag, text, cluster);
}

/** The two ends as each sees the other: a node is the host to the pods on it, and a remote node to everybody else. */
export function traceEnds(from: NamedEnd, to: NamedEnd, cluster: OfflineCluster): [TraceEnd, TraceEnd] {
  const seenBy = (end: NamedEnd, other: NamedEnd): TraceEnd => {
    if (end.kind === 'other') return end.end;
    if (end.kind === 'pod') {
      const { identity, labels, namedPorts } = end.pod;
      return { identity, endpoint: { labels, namedPorts: numberedPorts(namedPorts) } };
    }
    const isLocal = other.kind === 'pod' && other.pod.nodeName === end.node.name;
    return {
      identity: isLocal ? IDENTITY_HOST : cluster.identityOfNode(end.node),
      endpoint: { labels: hostLabels(end.node.labels), isHost: true },
    };
  };
  return [seenBy(from, to), seenBy(to, from)];
}

function reservedEnd(identity: number): TraceEnd {
  if (!policed.has(identity)) return { identity, endpoint: null };
  const labels = reservedIdentities.get(identity) ?? [];
  return { identity, endpoint: { labels, isHost: identity === IDENTITY_HOST } };
}

function endOfAddress(ip: string, cluster: OfflineCluster): NamedEnd {
  const pod = cluster.pods.find(({ addresses }) => addresses.includes(ip));
  if (pod !== undefined) return { kind: 'pod', name: `${pod.namespace}/${pod.podName}`, pod };
  const node = cluster.nodes.find(({ addresses }) => addresses.includes(ip));
  if (node !== undefined) return { kind: 'node', name: `node/${node.name}`, node };
  return {
    kind: 'other',
    name: ip,
    end: { identity: identityOfOutside(cluster.state, ip)!, endpoint: null },
  };
}

/** A pod of these labels, in its namespace and the local cluster. */
function labelledEnd(flag: string, text: string, cluster: OfflineCluster): TraceEnd {
  const stated = new Map<string, string>();
  for (const part of text.split(',')) {
    const [, key, value] = /^(?:k8s:)?([^=:]+)=([^=]*)$/.exec(part) ?? [];
    if (key === undefined) {
      throw new UsageError(`invalid value "${text}" for ${flag}: "${part}" is no label: expected KEY=VALUE`);
    }
    stated.set(key, value);
  }
  const namespace = stated.get('io.kubernetes.pod.namespace') ?? 'default';
  const sample = cluster.pods.find((pod) => pod.namespace === namespace);
  const ofNamespace = (sample?.labels ?? [])
    .filter((label) => label.startsWith('k8s:io.cilium.k8s.namespace.labels.'))
    .map((label) => /^k8s:([^=]*)=(.*)$/.exec(label)!.slice(1) as [string, string]);
  const labels = new Map([
    ['io.kubernetes.pod.namespace', namespace],
    ['io.cilium.k8s.policy.cluster', cluster.clusterName],
    ['io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name', namespace],
    ...ofNamespace,
    ...stated,
  ]);
  const texts = [...labels].map(([key, value]) => `k8s:${key}=${value}`).sort();
  return { identity: cluster.claimIdentity(texts), endpoint: { labels: texts } };
}

function unknownEnd(flag: string, text: string, cluster: OfflineCluster): UsageError {
  const names = [
    ...cluster.pods.map(({ namespace, podName }) => `${namespace}/${podName}`),
    ...cluster.nodes.map(({ name }) => `node/${name}`),
    ...Object.keys(reservedNames),
  ];
  const guess = nearest(text, names);
  const hint =
    guess === undefined
      ? 'expected NAMESPACE/POD or node/NAME of --state-dir, an address, labels, or a name such as host'
      : `did you mean ${guess}?`;
  return new UsageError(`invalid value "${text}" for ${flag}: nobody of that name is known; ${hint}`);
}
