import type { ClusterChange, PodEndpoint, Service } from '../cluster/model.ts';
import type { AttachedEndpoint } from './datapath/endpoint-manager.ts';
import type { EndpointFacts, EnrichmentChange } from './enrich/enrichment.ts';

function factsOf(endpoint: PodEndpoint): EndpointFacts {
  return {
    identity: endpoint.identity,
    namespace: endpoint.namespace,
    podName: endpoint.podName,
    clusterName: endpoint.cluster,
    labels: endpoint.labels,
    workloads: endpoint.workloads,
  };
}

function addressChanges(old: PodEndpoint | undefined, now: PodEndpoint | undefined): EnrichmentChange[] {
  const kept = now?.addresses ?? [];
  return [
    ...(old?.addresses ?? [])
      .filter((address) => !kept.includes(address))
      .map((address) => ({ kind: 'address', address, facts: null }) as const),
    ...kept.map((address) => ({ kind: 'address', address, facts: factsOf(now!) }) as const),
  ];
}

function serviceChanges(old: Service | undefined, now: Service | undefined): EnrichmentChange[] {
  const entries = (service: Service | undefined): { address: string; port: number }[] =>
    (service?.clusterIps ?? []).flatMap((address) =>
      (service?.ports ?? []).map(({ port }) => ({ address, port })),
    );
  return [
    ...entries(old).map((entry) => ({ kind: 'service', ...entry, service: null }) as const),
    ...entries(now).map(
      (entry) =>
        ({
          kind: 'service',
          ...entry,
          service: { namespace: now!.namespace, name: now!.name },
        }) as const,
    ),
  ];
}

/**
 * What the pipeline's tables have to learn from changes of cluster state. Service addresses mean something in their own cluster only: others may use the same ones
 * for services of theirs.
 */
export function enrichmentChanges(changes: readonly ClusterChange[], ownCluster: string): EnrichmentChange[] {
  return changes.flatMap((change): EnrichmentChange[] => {
    switch (change.kind) {
      case 'endpoint-upsert':
        return addressChanges(change.old, change.endpoint);
      case 'endpoint-delete':
        return addressChanges(change.endpoint, undefined);
      case 'service-upsert':
        return change.service.cluster === ownCluster ? serviceChanges(change.old, change.service) : [];
      case 'service-delete':
        return change.service.cluster === ownCluster ? serviceChanges(change.service, undefined) : [];
      default:
        return [];
    }
  });
}

/** What the pipeline's tables have to learn of endpoints of this node. */
export function localChanges(
  attached: readonly AttachedEndpoint[],
  detached: readonly AttachedEndpoint[],
): EnrichmentChange[] {
  return [
    ...detached.map(({ id }) => ({ kind: 'local', id, address: null }) as const),
    ...attached.map(({ id, pod }) => ({ kind: 'local', id, address: pod.addresses[0] }) as const),
  ];
}

/** The names of interfaces as they were last told. */
export class InterfaceNames {
  private readonly names = new Map<number, string>();

  /** What has to be told now that these are all interfaces there are. */
  changes(links: readonly { readonly index: number; readonly name: string }[]): EnrichmentChange[] {
    const present = new Set(links.map(({ index }) => index));
    const changed = links.filter(({ index, name }) => this.names.get(index) !== name);
    const gone = [...this.names.keys()].filter((index) => !present.has(index));
    for (const { index, name } of changed) this.names.set(index, name);
    for (const index of gone) this.names.delete(index);
    return [
      ...changed.map(({ index, name }) => ({ kind: 'interface', index, name }) as const),
      ...gone.map((index) => ({ kind: 'interface', index, name: null }) as const),
    ];
  }
}
