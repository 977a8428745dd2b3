import type { NamedContainerPort, PolicyObject, ServicePort } from '../model.ts';

/** What a manifest said about one object, checked and reduced to the fields that matter here. */
export type ManifestObject =
  | PodManifest
  | NodeManifest
  | NamespaceManifest
  | ServiceManifest
  | BackendsManifest
  | CidrGroupManifest
  | IdentityManifest
  | PolicyManifest;

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  /** Whether this owner manages the object (`controller: true`). */
  readonly controller: boolean;
}

export interface PodManifest {
  readonly kind: 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerReference[];
  /** Empty while the pod is not scheduled. */
  readonly nodeName: string;
  readonly serviceAccount: string;
  readonly hostNetwork: boolean;
  /** `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`; empty when the manifest has no status. */
  readonly phase: string;
  /** Canonical text. */
  readonly addresses: readonly string[];
  /** Absent when no container names a port. */
  readonly namedPorts?: readonly NamedContainerPort[];
  /** Absent when its annotations do not say so. */
  readonly auditsPolicy?: true;
}

export interface NodeManifest {
  readonly kind: 'Node';
  readonly namespace: '';
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** InternalIP addresses, canonical text. */
  readonly addresses: readonly string[];
  readonly podCidrs: readonly string[];
}

export interface NamespaceManifest {
  readonly kind: 'Namespace';
  readonly namespace: '';
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ServiceManifest {
  readonly kind: 'Service';
  readonly namespace: string;
  readonly name: string;
  readonly clusterIps: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly selector: Readonly<Record<string, string>>;
  /** Absent when it has none. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Backends of a Service that are written down one by one. */
export interface BackendsManifest {
  readonly kind: 'EndpointSlice' | 'Endpoints';
  readonly namespace: string;
  readonly name: string;
  /** Name of the Service, in the same namespace; empty for a slice that names none. */
  readonly service: string;
  /** Of those that serve, canonical text. */
  readonly addresses: readonly string[];
}

export interface CidrGroupManifest {
  readonly kind: 'CiliumCIDRGroup';
  readonly namespace: '';
  readonly name: string;
  /** Canonical text. */
  readonly cidrs: readonly string[];
}

/** A CiliumIdentity: the number that a cluster agreed on for a set of security labels. */
export interface IdentityManifest {
  readonly kind: 'CiliumIdentity';
  readonly namespace: '';
  readonly name: string;
  readonly identity: number;
  /** `source:key=value`, sorted as text. */
  readonly labels: readonly string[];
}

/** A network policy, as its reader gave it. Its kind is not among those above. */
export interface PolicyManifest {
  readonly kind: `${string}Policy`;
  readonly namespace: string;
  readonly name: string;
  readonly policy: PolicyObject;
}

/** Two objects with the same key are the same object. */
export function objectKey(object: { kind: string; namespace: string; name: string }): string {
  return `${object.kind}/${object.namespace}/${object.name}`;
}

/** An object as messages name it: `Pod "travel/search-0"`, `Node "node1"`. */
export function describeObject(object: { kind: string; namespace: string; name: string }): string {
  return `${object.kind} "${object.namespace === '' ? object.name : `${object.namespace}/${object.name}`}"`;
}
