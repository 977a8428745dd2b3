import { POD_NAMESPACE_LABEL } from '../../cluster/security-labels.ts';
import type { Entity, LabelSelector } from '../model.ts';
import { cidrMatcher, labelMatcher, type Matcher } from './matcher.ts';
import {
  CLASS_CIDR,
  CLASS_LOCAL_PODS,
  CLASS_REMOTE_NODES,
  CLASS_REMOTE_PODS,
  IDENTITY_ANY,
  IDENTITY_HEALTH,
  IDENTITY_HOST,
  IDENTITY_INGRESS,
  IDENTITY_INIT,
  IDENTITY_KUBE_APISERVER,
  IDENTITY_REMOTE_NODE,
  IDENTITY_UNMANAGED,
  IDENTITY_WORLD,
  IDENTITY_WORLD_IPV4,
  IDENTITY_WORLD_IPV6,
} from './reserved-identities.ts';
import type { PlainPeer } from './resolve-named.ts';
import { requirementsOf } from './selector.ts';

/** Which keys of a policy map a peer of a rule comes to. */
export type Target =
  /** One key: a reserved identity, a class, or IDENTITY_ANY. */
  | { readonly kind: 'fixed'; readonly identity: number }
  /**
   * A class that a selector of labels picks whole. Entries stand under the class, which spares one for each of its identities, but count as entries of the identities
   * themselves: in match types, in the names of rules, and where they meet entries of single identities.
   */
  | { readonly kind: 'labelled-class'; readonly identity: number }
  /** A key for each identity that matches. */
  | { readonly kind: 'matched'; readonly matcher: Matcher };

const fixed = (...identities: readonly number[]): Target[] =>
  identities.map((identity) => ({ kind: 'fixed', identity }));

/** Whoever carries a reserved label, its value being empty. */
const reserved = (key: string): Target => ({
  kind: 'matched',
  matcher: labelMatcher([{ source: 'reserved', key, operator: 'Exists', values: [] }]),
});

const clusterTargets: readonly Target[] = [
  ...fixed(
    IDENTITY_HOST,
    IDENTITY_UNMANAGED,
    IDENTITY_HEALTH,
    IDENTITY_INIT,
    IDENTITY_REMOTE_NODE,
    IDENTITY_KUBE_APISERVER,
    IDENTITY_INGRESS,
    CLASS_LOCAL_PODS,
    CLASS_REMOTE_NODES,
  ),
  // An API server outside the cluster belongs to it all the same.
  reserved('kube-apiserver'),
];

const entityTargets: Readonly<Record<Entity, readonly Target[]>> = {
  all: fixed(IDENTITY_ANY),
  world: fixed(IDENTITY_WORLD, IDENTITY_WORLD_IPV4, IDENTITY_WORLD_IPV6, CLASS_CIDR),
  'world-ipv4': [reserved('world-ipv4')],
  'world-ipv6': [reserved('world-ipv6')],
  cluster: clusterTargets,
  'cluster-mesh': [...clusterTargets, ...fixed(CLASS_REMOTE_PODS)],
  host: fixed(IDENTITY_HOST),
  'remote-node': fixed(IDENTITY_REMOTE_NODE, IDENTITY_KUBE_APISERVER, CLASS_REMOTE_NODES),
  'kube-apiserver': [reserved('kube-apiserver')],
  init: fixed(IDENTITY_INIT),
  health: fixed(IDENTITY_HEALTH),
  unmanaged: fixed(IDENTITY_UNMANAGED),
  ingress: fixed(IDENTITY_INGRESS),
  none: [],
};

/** What a peer of a rule comes to; services and groups must have been resolved to other peers before. */
export function targetsOf(peer: PlainPeer, clusterName: string): readonly Target[] {
  switch (peer.kind) {
    case 'entity':
      return entityTargets[peer.entity];
    case 'cidr':
      return [{ kind: 'matched', matcher: cidrMatcher(peer.cidr, peer.except) }];
    default:
      return isEveryLocalPod(peer.selector)
        ? [{ kind: 'labelled-class', identity: CLASS_LOCAL_PODS }]
        : [{ kind: 'matched', matcher: labelMatcher(requirementsOf(peer.selector, clusterName)) }];
  }
}

/** `{}` of cluster-wide policies, `namespaceSelector: {}` of NetworkPolicy: by far the broadest selector in use. */
function isEveryLocalPod({ requirements, localCluster }: LabelSelector): boolean {
  return (
    localCluster &&
    requirements.length === 1 &&
    requirements[0].source === 'k8s' &&
    requirements[0].key === POD_NAMESPACE_LABEL &&
    requirements[0].operator === 'Exists'
  );
}
