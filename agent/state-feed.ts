import { create } from '@bufbuild/protobuf';
import { type ClusterChange, type PodEndpoint, type Service } from '../cluster/model.ts';
import { type AgentEvent, AgentEventSchema, AgentEventType } from '../proto/gen/flow/flow_pb.ts';
import { type IpcacheChange } from './datapath/ipcache-sync.ts';
import { type AttachedEndpoint } from './datapath/endpoint-manager.ts';
import { type EndpointFacts, type EnrichmentChange } from './enrich/enrichment.ts';

function factsOf(endpoint: PodEndpoint): EndpointFacts {
  return {
    identity: endpoint.identity,
    namespace: endpoint.namespace,
    podName: endpoint.podName,
    // The default cluster goes without a name, as in node names.
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

/** What the worker's tables have to learn from changes of cluster state. */
export function enrichmentChanges(changes: readonly ClusterChange[]): EnrichmentChange[] {
  return changes.flatMap((change): EnrichmentChange[] => {
    switch (change.kind) {
      case 'endpoint-upsert':
        return addressChanges(change.old, change.endpoint);
      case 'endpoint-delete':
        return addressChanges(change.endpoint, undefined);
      case 'service-upsert':
        return serviceChanges(change.old, change.service);
      case 'service-delete':
        return serviceChanges(change.service, undefined);
      default:
        return [];
    }
  });
}

/** The agent event of an endpoint that was attached or detached. */
export function endpointEvent(
  type: typeof AgentEventType.ENDPOINT_CREATED | typeof AgentEventType.ENDPOINT_DELETED,
  { id, pod }: AttachedEndpoint,
): AgentEvent {
  return create(AgentEventSchema, {
    type,
    notification: {
      case: 'endpointUpdate',
      value: { id: BigInt(id), labels: [...pod.labels], podName: pod.podName, namespace: pod.namespace },
    },
  });
}

/** The agent event of an address whose identity changed. */
export function ipcacheEvent({
  address,
  identity,
  oldIdentity,
  namespace,
  podName,
}: IpcacheChange): AgentEvent {
  const cidr = `${address}/${address.includes(':') ? 128 : 32}`;
  return create(AgentEventSchema, {
    type: identity === 0 ? AgentEventType.IPCACHE_DELETED : AgentEventType.IPCACHE_UPSERTED,
    notification: {
      case: 'ipcacheUpdate',
      value: {
        cidr,
        identity: identity === 0 ? oldIdentity : identity,
        ...(identity !== 0 && oldIdentity !== 0 && { oldIdentity }),
        namespace,
        podName,
      },
    },
  });
}
