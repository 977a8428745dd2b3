import { ClusterView } from '../../cluster/cluster-view.ts';
import { parseManifests } from '../../cluster/manifest/parse-manifests.ts';
import {
  formatPolicyProblem,
  type NamedPort,
  numberedPorts,
  parsePolicies,
  type Policy,
  policyKey,
  type PolicyOptions,
  type ProposedPolicies,
} from '../../policy/index.ts';
import type { TextFile } from './policy-files.ts';

/** Policies that are to be tried, with what they call by name. Returns every problem of the files instead, a line each, if there is one. */
export function readProposal(
  manifests: readonly TextFile[],
  policyFiles: readonly TextFile[],
  options: Pick<PolicyOptions, 'mode' | 'hostFirewall'>,
): ProposedPolicies | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const view = new ClusterView('default', () => 0);
  const policies = new Map<string, Policy>();
  for (const { file, text } of [...manifests, ...policyFiles]) {
    const parsed = parsePolicies(text, file);
    problems.push(...parsed.problems.map(formatPolicyProblem));
    for (const policy of parsed.policies) policies.set(policyKey(policy), policy);
    const { objects, problems: others } = parseManifests(file, text);
    problems.push(...others.map(({ where, message }) => `${where}: ${message}`));
    for (const object of objects) {
      if (object.kind !== 'CiliumIdentity') view.set(object.kind, object.namespace, object.name, object);
    }
  }
  if (policies.size === 0 && problems.length === 0) {
    problems.push(`there is no policy in ${policyFiles.map(({ file }) => file).join(', ')}`);
  }
  if (problems.length > 0) return { problems };
  const changes = view.takeChanges();
  const ports = new Map<string, NamedPort[]>();
  for (const change of changes) {
    if (change.kind !== 'endpoint-upsert') continue;
    const key = ownLabels(change.endpoint.labels);
    const numbered = numberedPorts(change.endpoint.namedPorts);
    ports.set(key, [...(ports.get(key) ?? []), ...numbered]);
  }
  return {
    ...options,
    policies: [...policies.values()],
    services: changes.flatMap((change) => {
      if (change.kind !== 'service-upsert') return [];
      const { namespace, name, labels = {}, selector, backends = [] } = change.service;
      return [{ namespace, name, labels, selector, addresses: backends }];
    }),
    cidrGroups: changes.flatMap((change) => (change.kind === 'cidr-group-upsert' ? [change.group] : [])),
    namedPorts: (labels) => ports.get(ownLabels(labels)) ?? [],
  };
}

/** Labels but for the cluster's name, which manifests do not tell. */
function ownLabels(labels: readonly string[]): string {
  return labels.filter((label) => !label.startsWith('k8s:io.cilium.k8s.policy.cluster=')).join('\n');
}
