import { ClusterView } from '../../cluster/cluster-view.ts';
import type { ClusterNode, PodEndpoint, Service } from '../../cluster/index.ts';
import { parseManifests } from '../../cluster/manifest/parse-manifests.ts';
import {
  type NamedPort,
  NodeIdentities,
  numberedPorts,
  parsePolicies,
  formatPolicyProblem,
  policyKey,
  type Policy,
  type PolicyIdentity,
  type PolicyOptions,
  PolicyState,
} from '../../policy/index.ts';
import type { TextFile } from './policy-files.ts';

/** A cluster as manifests describe it, with policies compiled. */
export interface OfflineCluster {
  readonly state: PolicyState;
  readonly clusterName: string;
  readonly pods: readonly PodEndpoint[];
  readonly nodes: readonly ClusterNode[];
  /** Of a node, as others see it. */
  readonly identityOfNode: (node: ClusterNode) => number;
  /** The identity of a label set that no pod has yet, which it then has. */
  readonly claimIdentity: (labels: readonly string[]) => number;
}

const FIRST_IDENTITY = 256;

/**
 * Puts manifests and policies together. Returns every problem of the files instead, a line each, if there is one: what half a cluster says is no answer. Identities get
 * numbers that mean nothing outside.
 */
export function readOfflineCluster(
  manifests: readonly TextFile[],
  policyFiles: readonly TextFile[],
  options: Omit<PolicyOptions, 'clusterId'>,
): OfflineCluster | { readonly problems: readonly string[] } {
  const { clusterName } = options;
  const numbers = new Map<string, number>();
  const labelsOf = new Map<number, readonly string[]>();
  const claimIdentity = (labels: readonly string[]): number => {
    const key = labels.join('\n');
    const known = numbers.get(key) ?? FIRST_IDENTITY + numbers.size;
    numbers.set(key, known);
    labelsOf.set(known, labels);
    return known;
  };
  const view = new ClusterView(clusterName, claimIdentity);
  const problems: string[] = [];
  for (const { file, text } of manifests) {
    const parsed = parseManifests(file, text);
    problems.push(...parsed.problems.map(({ where, message }) => `${where}: ${message}`));
    for (const object of parsed.objects) {
      if (object.kind !== 'CiliumIdentity') view.set(object.kind, object.namespace, object.name, object);
    }
  }
  const policies = new Map<string, Policy>();
  for (const { file, text } of [...manifests, ...policyFiles]) {
    const parsed = parsePolicies(text, file);
    problems.push(...parsed.problems.map(formatPolicyProblem));
    for (const policy of parsed.policies) policies.set(policyKey(policy), policy);
  }
  if (problems.length > 0) return { problems };

  const changes = view.takeChanges();
  const pods = changes.flatMap((change) => (change.kind === 'endpoint-upsert' ? [change.endpoint] : []));
  const nodes = changes.flatMap((change) => (change.kind === 'node-upsert' ? [change.node] : []));
  const services = changes.flatMap((change) => (change.kind === 'service-upsert' ? [change.service] : []));
  const nodeIdentities = new NodeIdentities();
  const known = new Map(
    nodes.map((node) => [node.name, nodeIdentities.identityOf(clusterName, node.name, node.labels)]),
  );
  const state = new PolicyState({ ...options, clusterId: 0 });
  state.update({
    policies: [...policies.values()],
    identities: [...identitiesOf(pods), ...known.values()],
    services: services.map(policyService),
    cidrGroups: changes.flatMap((change) => (change.kind === 'cidr-group-upsert' ? [change.group] : [])),
  });
  return {
    state,
    clusterName,
    pods,
    nodes,
    identityOfNode: ({ name }) => known.get(name)!.id,
    claimIdentity: (labels) => {
      const id = claimIdentity(labels);
      if (state.identities.identity(id) === undefined) state.update({ identities: [{ id, labels }] });
      return id;
    },
  };
}

function policyService({ namespace, name, labels = {}, selector, backends = [] }: Service): {
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  selector: Readonly<Record<string, string>>;
  addresses: readonly string[];
} {
  return { namespace, name, labels, selector, addresses: backends };
}

/** Pods of one identity, with the ports of all of them. */
function identitiesOf(pods: readonly PodEndpoint[]): PolicyIdentity[] {
  const found = new Map<number, { labels: readonly string[]; ports: Map<string, NamedPort> }>();
  for (const pod of pods) {
    const { labels, ports } = found.get(pod.identity) ?? {
      labels: pod.labels,
      ports: new Map<string, NamedPort>(),
    };
    for (const port of numberedPorts(pod.namedPorts)) ports.set(JSON.stringify(port), port);
    found.set(pod.identity, { labels, ports });
  }
  return [...found].map(([id, { labels, ports }]) => ({ id, labels, namedPorts: [...ports.values()] }));
}
