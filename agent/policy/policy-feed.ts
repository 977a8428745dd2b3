import type { ClusterChange, PodEndpoint } from '../../cluster/index.ts';
import {
  hostLabels,
  type Policy,
  type PolicyCidrGroup,
  policyKey,
  type PolicyUpdate,
} from '../../policy/index.ts';
import { namedPortsOf } from './known-identities.ts';

/** The node itself among endpoints. */
export const NODE = 'the node';

/** Turns changes of cluster state into what policies have to know: those of this node's cluster, its own endpoints among them. */
export class PolicyFeed {
  private readonly own: { readonly clusterName: string; readonly nodeName: string };
  /** Pods of this node, by namespace and name. */
  private readonly pods = new Map<string, PodEndpoint>();

  /** Security labels of this node. */
  hostLabels: readonly string[] = hostLabels([]);

  constructor(own: { readonly clusterName: string; readonly nodeName: string }) {
    this.own = own;
  }

  /** Pods of this node, by namespace and name. */
  get ownPods(): ReadonlyMap<string, PodEndpoint> {
    return this.pods;
  }

  /** A pod of this node, by namespace and name. */
  podOf(key: string): PodEndpoint | undefined {
    return this.pods.get(key);
  }

  /** What changes say to policies; identities come from elsewhere. */
  updateOf(
    changes: readonly ClusterChange[],
  ): Required<Omit<PolicyUpdate, 'identities' | 'removedIdentities'>> {
    const { clusterName, nodeName } = this.own;
    const policies = new Map<string, Policy | null>();
    const services = new Map<string, NonNullable<PolicyUpdate['services']>[number] | null>();
    const cidrGroups = new Map<string, PolicyCidrGroup | null>();
    const endpoints = new Map<string, NonNullable<PolicyUpdate['endpoints']>[number] | null>();
    for (const change of changes) {
      switch (change.kind) {
        case 'policy-upsert':
          policies.set(policyKey(change.policy as Policy), change.policy as Policy);
          break;
        case 'policy-delete':
          policies.set(policyKey(change.policy as Policy), null);
          break;
        case 'service-upsert': {
          const { cluster, namespace, name, selector, labels = {}, backends = [] } = change.service;
          if (cluster !== clusterName) break;
          services.set(`${namespace}/${name}`, { namespace, name, labels, selector, addresses: backends });
          break;
        }
        case 'service-delete': {
          const { cluster, namespace, name } = change.service;
          if (cluster === clusterName) services.set(`${namespace}/${name}`, null);
          break;
        }
        case 'cidr-group-upsert':
          if (change.group.cluster === clusterName) cidrGroups.set(change.group.name, change.group);
          break;
        case 'cidr-group-delete':
          if (change.group.cluster === clusterName) cidrGroups.set(change.group.name, null);
          break;
        case 'node-upsert': {
          const { cluster, name, labels } = change.node;
          if (cluster !== clusterName || name !== nodeName) break;
          this.hostLabels = hostLabels(labels);
          endpoints.set(NODE, { key: NODE, labels: this.hostLabels, isHost: true });
          break;
        }
        case 'endpoint-upsert':
        case 'endpoint-delete': {
          const pod = change.endpoint;
          const key = podKey(pod);
          if (pod.cluster !== clusterName) break;
          if (change.kind === 'endpoint-upsert' && pod.nodeName === nodeName) {
            this.pods.set(key, pod);
            endpoints.set(key, { key, labels: pod.labels, namedPorts: namedPortsOf(pod) });
          } else if (this.pods.delete(key)) {
            endpoints.set(key, null);
          }
        }
      }
    }
    return {
      policies: [...policies.values()].filter((one) => one !== null),
      removedPolicies: removedOf(policies),
      services: [...services.values()].filter((one) => one !== null),
      removedServices: removedOf(services),
      cidrGroups: [...cidrGroups.values()].filter((one) => one !== null),
      removedCidrGroups: removedOf(cidrGroups),
      endpoints: [...endpoints.values()].filter((one) => one !== null),
      removedEndpoints: removedOf(endpoints),
    };
  }
}

function podKey({ namespace, podName }: PodEndpoint): string {
  return `${namespace}/${podName}`;
}

function removedOf<T>(objects: ReadonlyMap<string, T | null>): string[] {
  return [...objects].filter(([, object]) => object === null).map(([key]) => key);
}
