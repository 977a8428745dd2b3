import { canonicalIp } from '../../cluster/address.ts';
import { POD_NAMESPACE_LABEL, POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import type { Endpoint } from '../../proto/gen/flow/flow_pb.ts';
import {
  CIDR_SCOPE,
  IDENTITY_HEALTH,
  IDENTITY_HOST,
  IDENTITY_INGRESS,
  IDENTITY_INIT,
  IDENTITY_KUBE_APISERVER,
  IDENTITY_REMOTE_NODE,
  IDENTITY_UNMANAGED,
  REMOTE_NODE_SCOPE,
  reservedIdentities,
} from '../select/reserved-identities.ts';

/** One end of recorded traffic, as far as policies can tell it from others. */
export type TrafficEnd = PodEnd | ReservedEnd | OutsideEnd;

/** Pods of one workload with the same labels. */
export interface PodEnd {
  readonly kind: 'pod';
  /** `namespace/workload`; for lack of a workload `namespace/pod` of the first that was seen. */
  readonly name: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly workload: string;
  /** Security labels, `source:key=value`, sorted. Empty when the recording does not have them: nothing can be said then. */
  readonly labels: readonly string[];
}

/** A node and the like. */
export interface ReservedEnd {
  readonly kind: 'reserved';
  /** Such as `(host)`. */
  readonly name: string;
  /** A reserved identity. */
  readonly identity: number;
  readonly labels: readonly string[];
}

/** Addresses outside the cluster. */
export interface OutsideEnd {
  readonly kind: 'outside';
  /** One of them, in canonical text; empty when more came than are told apart. */
  readonly address: string;
  readonly family: 4 | 6;
  /** Whether it is the API server, outside the cluster's nodes. */
  readonly isApiServer: boolean;
  /** The first few addresses, and DNS names that flows gave them. */
  readonly addresses: Set<string>;
  readonly names: Set<string>;
  /** Whether there are more addresses than `addresses` holds. */
  hasMore: boolean;
}

const reservedNumbers: readonly (readonly [label: string, identity: number])[] = [
  ['reserved:host', IDENTITY_HOST],
  ['reserved:kube-apiserver', IDENTITY_KUBE_APISERVER],
  ['reserved:remote-node', IDENTITY_REMOTE_NODE],
  ['reserved:health', IDENTITY_HEALTH],
  ['reserved:init', IDENTITY_INIT],
  ['reserved:ingress', IDENTITY_INGRESS],
  ['reserved:unmanaged', IDENTITY_UNMANAGED],
];
const reservedNames = new Map(
  reservedNumbers.map(([label, identity]) => [identity, `(${label.slice('reserved:'.length)})`]),
);

/** What the endpoint of a flow says about its end; for one outside it is the address that tells. */
export function readEnd(endpoint: Endpoint): PodEnd | ReservedEnd | 'outside' | 'outside-apiserver' {
  const { labels } = endpoint;
  if (labels.some((label) => label.startsWith('reserved:world') || label.startsWith('cidr:'))) {
    return labels.includes('reserved:kube-apiserver') ? 'outside-apiserver' : 'outside';
  }
  const reserved = reservedNumbers.find(([label]) => labels.includes(label))?.[1];
  if (reserved !== undefined) return reservedEnd(reserved, labels);
  if (labels.length > 0 || endpoint.podName !== '') return podEnd(endpoint);
  const { identity } = endpoint;
  if (reservedNames.has(identity)) return reservedEnd(identity, reservedIdentities.get(identity) ?? []);
  if (identity >= REMOTE_NODE_SCOPE) return reservedEnd(IDENTITY_REMOTE_NODE, ['reserved:remote-node']);
  if (identity >= CIDR_SCOPE || identity < 256) return 'outside';
  return podEnd(endpoint);
}

/** The end that an address outside is; null for what is no address. */
export function outsideEnd(text: string, isApiServer: boolean): OutsideEnd | null {
  const address = canonicalIp(text);
  if (address === null) return null;
  const family = address.includes(':') ? 6 : 4;
  const addresses = new Set<string>();
  return { kind: 'outside', address, family, isApiServer, addresses, names: new Set(), hasMore: false };
}

/** What an end is called in reports: a workload, an address or its name, or `(world)` and the like. */
export function endName(end: TrafficEnd): string {
  if (end.kind !== 'outside') return end.name;
  const [first] = end.addresses;
  if (first === undefined || end.addresses.size > 1 || end.hasMore) return '(world)';
  const [name] = end.names;
  return name === undefined ? first : `${name} (${first})`;
}

/** The label's value, or the empty text. */
export function labelValue(labels: readonly string[], key: string): string {
  const start = `k8s:${key}=`;
  return labels.find((label) => label.startsWith(start))?.slice(start.length) ?? '';
}

function reservedEnd(identity: number, labels: readonly string[]): ReservedEnd {
  return { kind: 'reserved', name: reservedNames.get(identity)!, identity, labels: [...labels].sort() };
}

function podEnd({ namespace, podName, workloads, clusterName, labels }: Endpoint): PodEnd {
  const inNamespace = namespace || labelValue(labels, POD_NAMESPACE_LABEL);
  const workload = workloads[0]?.name || podName;
  return {
    kind: 'pod',
    name: workload === '' ? `${inNamespace}/?` : `${inNamespace}/${workload}`,
    cluster: labelValue(labels, POLICY_CLUSTER_LABEL) || clusterName,
    namespace: inNamespace,
    workload,
    labels: [...labels].sort(),
  };
}
