import type { NamedEnd, TraceDirectory } from '../../policy/index.ts';
import { findTraceEnd, reservedEndNames, TraceEndError } from '../../policy/index.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import type { OfflineCluster } from './offline-cluster.ts';

/** Finds who is meant in the manifests. Throws UsageError that names the flag. */
export function findEnd(flag: string, text: string | undefined, cluster: OfflineCluster): NamedEnd {
  if (text === undefined || text === '') throw missingEnd(flag);
  try {
    return findTraceEnd(text, directoryOf(cluster));
  } catch (error) {
    if (!(error instanceof TraceEndError)) throw error;
    const hint = error.isUnknown ? `; ${hintFor(text, cluster)}` : '';
    throw new UsageError(`invalid value "${text}" for ${flag}: ${error.message}${hint}`);
  }
}

/** An end that was not given. */
export function missingEnd(flag: string): UsageError {
  return new UsageError(`flag ${flag} is missing: who is it about?`);
}

/** A cluster of manifests as traces look things up. */
export function directoryOf(cluster: OfflineCluster): TraceDirectory {
  const { pods, nodes } = cluster;
  return {
    state: cluster.state,
    pod: (namespace, name) => pods.find((pod) => pod.namespace === namespace && pod.podName === name),
    node: (name) => nodes.find((node) => node.name === name),
    owner: (address) =>
      pods.find(({ addresses }) => addresses.includes(address)) ??
      nodes.find(({ addresses }) => addresses.includes(address)),
    labelled: (text, stated) => labelledEnd(text, stated, cluster),
    identityOfNode: cluster.identityOfNode,
  };
}

/** A pod of these labels, in its namespace and the local cluster; it need not exist. */
function labelledEnd(text: string, stated: ReadonlyMap<string, string>, cluster: OfflineCluster): NamedEnd {
  const namespace = stated.get('io.kubernetes.pod.namespace')!;
  const sample = cluster.pods.find((pod) => pod.namespace === namespace);
  const ofNamespace = (sample?.labels ?? [])
    .filter((label) => label.startsWith('k8s:io.cilium.k8s.namespace.labels.'))
    .map((label) => /^k8s:([^=]*)=(.*)$/.exec(label)!.slice(1) as [string, string]);
  const labels = new Map([
    ['io.cilium.k8s.policy.cluster', cluster.clusterName],
    ['io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name', namespace],
    ...ofNamespace,
    ...stated,
  ]);
  const texts = [...labels].map(([key, value]) => `k8s:${key}=${value}`).sort();
  const end = { identity: cluster.claimIdentity(texts), endpoint: { labels: texts } };
  return { kind: 'other', name: text, end };
}

function hintFor(text: string, cluster: OfflineCluster): string {
  const names = [
    ...cluster.pods.map(({ namespace, podName }) => `${namespace}/${podName}`),
    ...cluster.nodes.map(({ name }) => `node/${name}`),
    ...reservedEndNames,
  ];
  const guess = nearest(text, names);
  return guess === undefined
    ? 'expected NAMESPACE/POD or node/NAME of --state-dir, an address, labels, or a name such as host'
    : `did you mean ${guess}?`;
}
