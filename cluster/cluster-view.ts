import { AddressClaims } from './address-claims.ts';
import { labelsKey } from './identity-registry.ts';
import type {
  BackendsManifest,
  CidrGroupManifest,
  ManifestObject,
  NamespaceManifest,
  NodeManifest,
  PodManifest,
  PolicyManifest,
  ServiceManifest,
} from './manifest/objects.ts';
import type {
  CidrGroup,
  ClusterChange,
  ClusterNode,
  PodEndpoint,
  PolicyObject,
  Service,
  SourceProblem,
} from './model.ts';
import { securityLabels } from './security-labels.ts';
import { ServiceBackends } from './service-backends.ts';
import { ToldObjects } from './told-objects.ts';
import { workloadOf } from './workload.ts';

/** The number of a label set, or 0 while there is none. */
export type IdentityLookup = (labels: readonly string[], key: string) => number;

interface KnownPod {
  readonly manifest: PodManifest;
  /** What it claims: none for a pod that is done or lives in the host network. */
  readonly addresses: readonly string[];
  readonly labelsKey: string;
}

/**
 * Cluster state made of single objects, whatever source they come from. An object that changes has everything made anew that depends on it and nothing else; `takeChanges` tells
 * what came out differently. Knows no files and no clocks.
 */
export class ClusterView {
  private readonly cluster: string;
  private readonly identityOf: IdentityLookup;
  private readonly namespaces = new Map<string, NamespaceManifest>();
  private readonly pods = new Map<string, KnownPod>();
  private readonly podsOfNamespace = new Map<string, Set<string>>();
  /** Label sets in use. Pods of one set share one array, which spares memory here and comparing elsewhere. */
  private readonly labelSets = new Map<string, { labels: readonly string[]; pods: Set<string> }>();
  private readonly claims = new AddressClaims();
  private readonly endpoints = new ToldObjects<PodEndpoint>();
  private readonly nodes = new ToldObjects<ClusterNode>();
  private readonly services = new ToldObjects<Service>();
  private readonly serviceManifests = new Map<string, ServiceManifest>();
  private readonly backends = new ServiceBackends();
  private readonly cidrGroups = new ToldObjects<CidrGroup>();
  private readonly policies = new ToldObjects<PolicyObject>();
  private readonly dirtyPods = new Set<string>();

  constructor(cluster: string, identityOf: IdentityLookup) {
    this.cluster = cluster;
    this.identityOf = identityOf;
  }

  get problems(): SourceProblem[] {
    return this.claims.problems;
  }

  /** Endpoints that wait for an identity. */
  get withoutIdentity(): number {
    let count = 0;
    for (const [, { identity }] of this.endpoints.told) if (identity === 0) count++;
    return count;
  }

  /** Takes any object but an identity. */
  set(
    kind: ManifestObject['kind'],
    namespace: string,
    name: string,
    object: ManifestObject | undefined,
  ): void {
    if (kind === 'Pod') this.setPod(object as PodManifest | undefined, namespace, name);
    else if (kind === 'Node') this.nodes.set(name, object && this.makeNode(object as NodeManifest));
    else if (kind === 'Namespace') this.setNamespace(name, object as NamespaceManifest | undefined);
    else if (kind === 'Service')
      this.setService(`${namespace}/${name}`, object as ServiceManifest | undefined);
    else if (kind === 'EndpointSlice' || kind === 'Endpoints') {
      const touched = this.backends.set(kind, namespace, name, object as BackendsManifest | undefined);
      for (const key of touched) this.setService(key, this.serviceManifests.get(key));
    } else if (kind === 'CiliumCIDRGroup') {
      const { cluster } = this;
      this.cidrGroups.set(name, object && { cluster, name, cidrs: (object as CidrGroupManifest).cidrs });
    } else {
      this.policies.set(`${kind}/${namespace}/${name}`, (object as PolicyManifest | undefined)?.policy);
    }
  }

  private setNamespace(name: string, manifest: NamespaceManifest | undefined): void {
    if (manifest === undefined) this.namespaces.delete(name);
    else this.namespaces.set(name, manifest);
    for (const pod of this.podsOfNamespace.get(name) ?? []) this.dirtyPods.add(pod);
  }

  private makeNode(manifest: NodeManifest): ClusterNode {
    return {
      name: manifest.name,
      cluster: this.cluster,
      addresses: manifest.addresses,
      podCidrs: manifest.podCidrs,
      labels: Object.entries(manifest.labels)
        .map(([key, value]) => `${key}=${value}`)
        .sort(),
    };
  }

  private setService(key: string, manifest: ServiceManifest | undefined): void {
    if (manifest === undefined) this.serviceManifests.delete(key);
    else this.serviceManifests.set(key, manifest);
    this.services.set(key, manifest && this.makeService(key, manifest));
  }

  private makeService(key: string, manifest: ServiceManifest): Service {
    const { namespace, name, clusterIps, ports, selector, labels } = manifest;
    const backends = Object.keys(selector).length === 0 ? this.backends.addressesOf(key) : [];
    return {
      cluster: this.cluster,
      namespace,
      name,
      clusterIps,
      ports,
      selector,
      ...(backends.length > 0 && { backends }),
      ...(labels !== undefined && { labels }),
    };
  }

  private setPod(manifest: PodManifest | undefined, namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    const old = this.pods.get(key);
    const addresses = manifest !== undefined && isEndpoint(manifest) ? manifest.addresses : [];
    for (const pod of this.claims.move(key, old?.addresses ?? [], addresses)) this.dirtyPods.add(pod);
    if (manifest === undefined) this.pods.delete(key);
    else this.pods.set(key, { manifest, addresses, labelsKey: old?.labelsKey ?? '' });
    if (manifest === undefined && old !== undefined) this.useLabels(key, old.labelsKey, undefined);
    toggle(this.podsOfNamespace, namespace, key, manifest !== undefined);
    this.dirtyPods.add(key);
  }

  /** The number of this label set may have changed. */
  touchLabels(key: string): void {
    for (const pod of this.labelSets.get(key)?.pods ?? []) this.dirtyPods.add(pod);
  }

  /** Has all endpoints without identity ask for one again. */
  retryIdentities(): void {
    for (const [key, { identity }] of this.endpoints.told) if (identity === 0) this.dirtyPods.add(key);
  }

  /**
   * What changed since the last call: deletes first, then nodes and services, endpoints last. An object that has other addresses than before is deleted and upserted
   * without `old`, so that an address that moves from one to another is never taken away from its new owner.
   */
  takeChanges(): ClusterChange[] {
    for (const key of this.dirtyPods) this.endpoints.set(key, this.makeEndpoint(key));
    this.dirtyPods.clear();
    const nodes = this.nodes.take();
    const services = this.services.take();
    const cidrGroups = this.cidrGroups.take();
    const policies = this.policies.take();
    const endpoints = this.endpoints.take();
    return [
      ...nodes.deletes.map((node) => ({ kind: 'node-delete', node }) as const),
      ...services.deletes.map((service) => ({ kind: 'service-delete', service }) as const),
      ...cidrGroups.deletes.map((group) => ({ kind: 'cidr-group-delete', group }) as const),
      ...policies.deletes.map((policy) => ({ kind: 'policy-delete', policy }) as const),
      ...endpoints.deletes.map((endpoint) => ({ kind: 'endpoint-delete', endpoint }) as const),
      ...nodes.upserts.map(({ object, old }) => ({ kind: 'node-upsert', node: object, ...old }) as const),
      ...services.upserts.map(
        ({ object, old }) => ({ kind: 'service-upsert', service: object, ...old }) as const,
      ),
      ...cidrGroups.upserts.map(
        ({ object, old }) => ({ kind: 'cidr-group-upsert', group: object, ...old }) as const,
      ),
      ...policies.upserts.map(
        ({ object, old }) => ({ kind: 'policy-upsert', policy: object, ...old }) as const,
      ),
      ...endpoints.upserts.map(
        ({ object, old }) => ({ kind: 'endpoint-upsert', endpoint: object, ...old }) as const,
      ),
    ];
  }

  private makeEndpoint(key: string): PodEndpoint | undefined {
    const pod = this.pods.get(key);
    if (pod === undefined) return undefined;
    const { manifest } = pod;
    const addresses = pod.addresses.filter((address) => this.claims.isOwner(key, address));
    if (addresses.length === 0) {
      this.useLabels(key, pod.labelsKey, undefined);
      this.pods.set(key, { ...pod, labelsKey: '' });
      return undefined;
    }
    const asked = securityLabels(manifest, this.namespaces.get(manifest.namespace), this.cluster);
    const setKey = labelsKey(asked);
    const labels = this.useLabels(key, pod.labelsKey, setKey, asked);
    if (setKey !== pod.labelsKey) this.pods.set(key, { ...pod, labelsKey: setKey });
    return {
      cluster: this.cluster,
      namespace: manifest.namespace,
      podName: manifest.name,
      nodeName: manifest.nodeName,
      addresses,
      labels,
      identity: this.identityOf(labels, setKey),
      workloads: [workloadOf(manifest)],
      ...(manifest.namedPorts !== undefined && { namedPorts: manifest.namedPorts }),
      ...(manifest.auditsPolicy && { auditsPolicy: true }),
    };
  }

  /** Moves a pod from one label set to another; returns the array that all pods of the new set share. */
  private useLabels(
    pod: string,
    from: string,
    to: string | undefined,
    labels: readonly string[] = [],
  ): readonly string[] {
    const old = this.labelSets.get(from);
    if (from !== to && old?.pods.delete(pod) && old.pods.size === 0) this.labelSets.delete(from);
    if (to === undefined) return labels;
    let set = this.labelSets.get(to);
    if (set === undefined) this.labelSets.set(to, (set = { labels, pods: new Set() }));
    set.pods.add(pod);
    return set.labels;
  }
}

/** A pod of the host network has its node's address; one that is done has given its address back. */
function isEndpoint({ hostNetwork, phase }: PodManifest): boolean {
  return !hostNetwork && phase !== 'Succeeded' && phase !== 'Failed';
}

function toggle(sets: Map<string, Set<string>>, key: string, member: string, present: boolean): void {
  const set = sets.get(key) ?? new Set();
  if (present) sets.set(key, set.add(member));
  else if (set.delete(member) && set.size === 0) sets.delete(key);
}
