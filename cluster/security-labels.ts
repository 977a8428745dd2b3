import type { NamespaceManifest, PodManifest } from './manifest/objects.ts';

/** Label keys that Cilium derives from where a pod is, not from what it says about itself. */
export const POD_NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
export const POLICY_CLUSTER_LABEL = 'io.cilium.k8s.policy.cluster';
export const SERVICE_ACCOUNT_LABEL = 'io.cilium.k8s.policy.serviceaccount';
export const NAMESPACE_LABELS_PREFIX = 'io.cilium.k8s.namespace.labels.';

/** Prefix of all derived keys. A pod that carries such a label itself must not pass for another's. */
const DERIVED_PREFIX = 'io.cilium.k8s.';

/**
 * Label keys that do not take part in identities, as in Cilium's default label filter (docs "Limiting Identity-Relevant Labels"): they differ between pods
 * of one workload, so each pod would be an identity of its own. Patterns match at the start of the key.
 */
const irrelevantKey = new RegExp(
  `^(${[
    String.raw`io\.kubernetes`,
    String.raw`kubernetes\.io`,
    String.raw`.*beta\.kubernetes\.io`,
    String.raw`k8s\.io`,
    String.raw`statefulset\.kubernetes\.io/pod-name`,
    String.raw`apps\.kubernetes\.io/pod-index`,
    String.raw`batch\.kubernetes\.io/job-completion-index`,
    String.raw`batch\.kubernetes\.io/controller-uid`,
    'pod-template-generation',
    'pod-template-hash',
    'controller-revision-hash',
    'controller-uid',
    'annotation',
    'etcd_node',
  ].join('|')})`,
);

/** Whether a pod's own label takes part in its identity. */
export function isIdentityRelevant(key: string): boolean {
  return !key.startsWith(DERIVED_PREFIX) && !irrelevantKey.test(key);
}

/**
 * The security labels of a pod, `k8s:key=value`, sorted as text. `namespace` is the manifest of its namespace; without one the namespace has only the
 * label that every namespace gets from the API server, its name.
 */
export function securityLabels(
  pod: PodManifest,
  namespace: NamespaceManifest | undefined,
  cluster: string,
): string[] {
  const labels = new Map<string, string>([
    [POD_NAMESPACE_LABEL, pod.namespace],
    [POLICY_CLUSTER_LABEL, cluster],
    [SERVICE_ACCOUNT_LABEL, pod.serviceAccount],
  ]);
  for (const [key, value] of Object.entries(namespace?.labels ?? {})) {
    labels.set(`${NAMESPACE_LABELS_PREFIX}${key}`, value);
  }
  labels.set(`${NAMESPACE_LABELS_PREFIX}kubernetes.io/metadata.name`, pod.namespace);
  for (const [key, value] of Object.entries(pod.labels)) {
    if (isIdentityRelevant(key)) labels.set(key, value);
  }
  return [...labels].map(([key, value]) => `k8s:${key}=${value}`).sort();
}
