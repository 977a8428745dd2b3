/**
 * What there is in a cluster, as every source yields it (a watched directory today; etcd and the Kubernetes API later).
 * Nothing here says where a fact came from: no file names, no resource versions.
 */

/** A machine of a cluster. */
export interface ClusterNode {
  readonly name: string;
  readonly cluster: string;
  /** InternalIP addresses in the order of the manifest, canonical text, both families. */
  readonly addresses: readonly string[];
  /** Ranges from which its pods get addresses (`spec.podCIDRs`). */
  readonly podCidrs: readonly string[];
  /** `key=value`, sorted. */
  readonly labels: readonly string[];
}

/** The controller that owns a pod, as Hubble names it: `{ name: 'search', kind: 'Deployment' }`. */
export interface Workload {
  readonly name: string;
  readonly kind: string;
}

/** A container port that has a name, by which policies may call it. */
export interface NamedContainerPort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

/** A pod that has addresses: what the datapath calls an endpoint, wherever it runs. */
export interface PodEndpoint {
  readonly cluster: string;
  readonly namespace: string;
  readonly podName: string;
  readonly nodeName: string;
  /** Canonical text, one per family as a rule. Never empty; pods of the host network are not endpoints. */
  readonly addresses: readonly string[];
  /** Security labels `source:key=value`, sorted as text: what the identity stands for. */
  readonly labels: readonly string[];
  /** Numeric security identity; 0 while the cluster has not agreed on one yet. */
  readonly identity: number;
  readonly workloads: readonly Workload[];
  /** Absent when no container names a port. */
  readonly namedPorts?: readonly NamedContainerPort[];
  /** What its policies would deny passes, and is told: annotation `policy.sluice.io/audit: "true"`. Absent otherwise. */
  readonly auditsPolicy?: true;
}

export interface ServicePort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  /** Number, or the name of a container port. */
  readonly targetPort: number | string;
}

/** A Kubernetes Service. */
export interface Service {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  /** Canonical text; empty for headless services. */
  readonly clusterIps: readonly string[];
  readonly ports: readonly ServicePort[];
  /** Pod labels that a backend must carry; empty = none chosen by labels. */
  readonly selector: Readonly<Record<string, string>>;
  /** Addresses of its backends where they are written down one by one, sorted. Absent when it has none, or chooses pods by `selector`. */
  readonly backends?: readonly string[];
  /** Labels of the Service itself. Absent when it has none. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Ranges of addresses outside under one name, by which policies call them. */
export interface CidrGroup {
  readonly cluster: string;
  readonly name: string;
  /** Canonical text. */
  readonly cidrs: readonly string[];
}

/** A network policy. What it says is the business of whoever reads policies: a source hands on what its reader made of the manifest. */
export interface PolicyObject {
  readonly kind: string;
  /** Empty for cluster-wide ones. */
  readonly namespace: string;
  readonly name: string;
}

/** Something in the source that could not be applied. It stays listed until it is mended. */
export interface SourceProblem {
  /** Where: a file with line and column, or an object's name. */
  readonly where: string;
  /** What is wrong, with the value met and what was expected. */
  readonly message: string;
}

/** One change of cluster state. `upsert` carries the whole object; the key of a `delete` is its cluster, namespace and name. */
export type ClusterChange =
  | { readonly kind: 'node-upsert'; readonly node: ClusterNode; readonly old?: ClusterNode }
  | { readonly kind: 'node-delete'; readonly node: ClusterNode }
  | { readonly kind: 'endpoint-upsert'; readonly endpoint: PodEndpoint; readonly old?: PodEndpoint }
  | { readonly kind: 'endpoint-delete'; readonly endpoint: PodEndpoint }
  | { readonly kind: 'service-upsert'; readonly service: Service; readonly old?: Service }
  | { readonly kind: 'service-delete'; readonly service: Service }
  | { readonly kind: 'cidr-group-upsert'; readonly group: CidrGroup; readonly old?: CidrGroup }
  | { readonly kind: 'cidr-group-delete'; readonly group: CidrGroup }
  | { readonly kind: 'policy-upsert'; readonly policy: PolicyObject; readonly old?: PolicyObject }
  | { readonly kind: 'policy-delete'; readonly policy: PolicyObject }
  | { readonly kind: 'problems'; readonly problems: readonly SourceProblem[] };

/**
 * A source of cluster state. `start` resolves when the first full state was delivered to the listener, in one batch that may be empty; later changes
 * follow in the order in which they were seen, in batches. In a batch deletes come first, endpoints last; an object that has other addresses than before
 * is deleted and upserted without `old`, so that an address may go from one object to another in one batch. `problems` is always the whole list.
 * `close` releases watches and timers; no call follows it.
 */
export interface ClusterSource {
  start(listener: (changes: readonly ClusterChange[]) => void): Promise<void>;
  close(): Promise<void>;
}
