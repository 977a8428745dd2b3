import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ClusterChange, Service } from '../../cluster/model.ts';
import { type AgentEvent, AgentEventSchema, AgentEventType } from '../../proto/gen/flow/flow_pb.ts';
import type { Policy } from '../../policy/index.ts';
import type { AttachedEndpoint } from '../datapath/endpoint-manager.ts';
import type { IpcacheChange } from '../datapath/ipcache-sync.ts';

/** What is told when the agent has started. */
export function startEvent(startedMs: number): AgentEvent {
  return create(AgentEventSchema, {
    type: AgentEventType.AGENT_STARTED,
    notification: { case: 'agentStart', value: { time: timestampFromMs(startedMs) } },
  });
}

/** What is told of an endpoint that was attached or detached. */
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

/** What is told of an address whose identity changed. */
export function ipcacheEvent(change: IpcacheChange): AgentEvent {
  const { address, identity, oldIdentity, namespace, podName } = change;
  const isDeleted = identity === 0;
  return create(AgentEventSchema, {
    type: isDeleted ? AgentEventType.IPCACHE_DELETED : AgentEventType.IPCACHE_UPSERTED,
    notification: {
      case: 'ipcacheUpdate',
      value: {
        cidr: `${address}/${address.includes(':') ? 128 : 32}`,
        identity: isDeleted ? oldIdentity : identity,
        ...(!isDeleted && oldIdentity !== 0 && { oldIdentity }),
        namespace,
        podName,
      },
    },
  });
}

/** What is told of policies that came, changed or went, with the revision that all policies have come to by then. */
export function policyEvents(changes: readonly ClusterChange[], revision: number): AgentEvent[] {
  return changes.flatMap((change) => {
    if (change.kind !== 'policy-upsert' && change.kind !== 'policy-delete') return [];
    const isDeleted = change.kind === 'policy-delete';
    const { kind, namespace, flowName, uid, ruleSets } = change.policy as Policy;
    const prefix = 'k8s:io.cilium.k8s.policy.';
    const labels = [
      `${prefix}derived-from=${kind}`,
      `${prefix}name=${flowName}`,
      ...(namespace === '' ? [] : [`${prefix}namespace=${namespace}`]),
      ...(uid === '' ? [] : [`${prefix}uid=${uid}`]),
    ];
    return create(AgentEventSchema, {
      type: isDeleted ? AgentEventType.POLICY_DELETED : AgentEventType.POLICY_UPDATED,
      notification: {
        case: 'policyUpdate',
        value: { labels, revision: BigInt(revision), ruleCount: BigInt(ruleSets.length) },
      },
    });
  });
}

/** Tells of services as they come and go: an event per cluster address and port, which keeps its number while it is there. */
export class ServiceEvents {
  private readonly cluster: string;
  /** By frontend: `address port`. */
  private readonly ids = new Map<string, number>();
  private nextId = 1;

  /** @param cluster whose services are told */
  constructor(cluster: string) {
    this.cluster = cluster;
  }

  of(changes: readonly ClusterChange[]): AgentEvent[] {
    return changes.flatMap((change) => {
      if (change.kind === 'service-upsert' && change.service.cluster === this.cluster) {
        return this.replace(change.old, change.service);
      }
      if (change.kind === 'service-delete' && change.service.cluster === this.cluster) {
        return this.replace(change.service, undefined);
      }
      return [];
    });
  }

  private replace(old: Service | undefined, now: Service | undefined): AgentEvent[] {
    const kept = new Set(frontends(now).map(({ key }) => key));
    const gone = frontends(old).filter(({ key }) => !kept.has(key));
    return [
      ...gone.map(({ key }) => this.deleted(key)),
      ...frontends(now).map(({ key, ip, port }) => this.upserted(key, ip, port, now!)),
    ];
  }

  private upserted(key: string, ip: string, port: number, { name, namespace }: Service): AgentEvent {
    const id = this.ids.get(key) ?? this.nextId++;
    this.ids.set(key, id);
    return create(AgentEventSchema, {
      type: AgentEventType.SERVICE_UPSERTED,
      notification: {
        case: 'serviceUpsert',
        value: { id, frontendAddress: { ip, port }, type: 'ClusterIP', name, namespace },
      },
    });
  }

  private deleted(key: string): AgentEvent {
    const id = this.ids.get(key) ?? 0;
    this.ids.delete(key);
    return create(AgentEventSchema, {
      type: AgentEventType.SERVICE_DELETED,
      notification: { case: 'serviceDelete', value: { id } },
    });
  }
}

function frontends(service: Service | undefined): { key: string; ip: string; port: number }[] {
  const found = new Map<string, { key: string; ip: string; port: number }>();
  for (const ip of service?.clusterIps ?? []) {
    // One port may be there twice, for TCP and for UDP.
    for (const { port } of service?.ports ?? [])
      found.set(`${ip} ${port}`, { key: `${ip} ${port}`, ip, port });
  }
  return [...found.values()];
}
