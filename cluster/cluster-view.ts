import { AddressClaims } from './address-claims.ts';
import { labelsKey } from './identity-registry.ts';
import type {
  ManifestObject,
  NamespaceManifest,
  NodeManifest,
  PodManifest,
  ServiceManifest,
} from './manifest/objects.ts';
import type { ClusterChange, ClusterNode, PodEndpoint, Service, SourceProblem } from './model.ts';
import { securityLabels } from './security-labels.ts';
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
  private readonly endpoints = new Map<string, PodEndpoint>();
  private readonly nodes = new Map<string, ClusterNode>();
  private readonly services = new Map<string, Service>();
  private readonly dirtyPods = new Set<string>();
  private upserts: ClusterChange[] = [];
  private deletes: ClusterChange[] = [];

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
    for (const { identity } of this.endpoints.values()) if (identity === 0) count++;
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
    else if (kind === 'Node') this.setNode(name, object as NodeManifest | undefined);
    else if (kind === 'Namespace') this.setNamespace(name, object as NamespaceManifest | undefined);
    else if (kind === 'Service') this.setService(object as ServiceManifest | undefined, namespace, name);
  }

  private setNamespace(name: string, manifest: NamespaceManifest | undefined): void {
    if (manifest === undefined) this.namespaces.delete(name);
    else this.namespaces.set(name, manifest);
    for (const pod of this.podsOfNamespace.get(name) ?? []) this.dirtyPods.add(pod);
  }

  private setNode(name: string, manifest: NodeManifest | undefined): void {
    const { cluster } = this;
    const node = manifest && {
      name,
      cluster,
      addresses: manifest.addresses,
      podCidrs: manifest.podCidrs,
      labels: Object.entries(manifest.labels)
        .map(([key, value]) => `${key}=${value}`)
        .sort(),
    };
    const old = replace(this.nodes, name, node);
    if (isSame(old, node)) return;
    const moved = old !== undefined && !isSame(old.addresses, node?.addresses);
    if (old !== undefined && (node === undefined || moved))
      this.deletes.push({ kind: 'node-delete', node: old });
    if (node !== undefined) this.upserts.push({ kind: 'node-upsert', node, ...(old && !moved && { old }) });
  }

  private setService(manifest: ServiceManifest | undefined, namespace: string, name: string): void {
    const service = manifest && {
      cluster: this.cluster,
      namespace,
      name,
      clusterIps: manifest.clusterIps,
      ports: manifest.ports,
      selector: manifest.selector,
    };
    const old = replace(this.services, `${namespace}/${name}`, service);
    if (isSame(old, service)) return;
    if (service !== undefined) this.upserts.push({ kind: 'service-upsert', service, ...(old && { old }) });
    else if (old !== undefined) this.deletes.push({ kind: 'service-delete', service: old });
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
    for (const [key, { identity }] of this.endpoints) if (identity === 0) this.dirtyPods.add(key);
  }

  /**
   * What changed since the last call: deletes first, then nodes and services, endpoints last. An object that has other addresses than before is deleted and upserted
   * without `old`, so that an address that moves from one to another is never taken away from its new owner.
   */
  takeChanges(): ClusterChange[] {
    for (const key of this.dirtyPods) this.refreshEndpoint(key);
    this.dirtyPods.clear();
    const changes = [...this.deletes, ...this.upserts];
    this.deletes = [];
    this.upserts = [];
    return changes;
  }

  private refreshEndpoint(key: string): void {
    const endpoint = this.makeEndpoint(key);
    const old = replace(this.endpoints, key, endpoint);
    if (isSame(old, endpoint)) return;
    const moved = old !== undefined && !isSame(old.addresses, endpoint?.addresses);
    if (old !== undefined && (endpoint === undefined || moved)) {
      this.deletes.push({ kind: 'endpoint-delete', endpoint: old });
    }
    if (endpoint === undefined) return;
    this.upserts.push({ kind: 'endpoint-upsert', endpoint, ...(old && !moved && { old }) });
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

function replace<T>(map: Map<string, T>, key: string, value: T | undefined): T | undefined {
  const old = map.get(key);
  if (value === undefined) map.delete(key);
  else map.set(key, value);
  return old;
}

function toggle(sets: Map<string, Set<string>>, key: string, member: string, present: boolean): void {
  const set = sets.get(key) ?? new Set();
  if (present) sets.set(key, set.add(member));
  else if (set.delete(member) && set.size === 0) sets.delete(key);
}

/** Plain data whose fields were written in the same order. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
