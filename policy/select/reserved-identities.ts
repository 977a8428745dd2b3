/**
 * Identities with a fixed number, and the groups that numbers fall into (Cilium's pkg/identity and its numeric identity scopes). What an identity means beyond its number
 * is said by its labels.
 */

export const IDENTITY_ANY = 0;
export const IDENTITY_HOST = 1;
export const IDENTITY_WORLD = 2;
export const IDENTITY_UNMANAGED = 3;
export const IDENTITY_HEALTH = 4;
export const IDENTITY_INIT = 5;
export const IDENTITY_REMOTE_NODE = 6;
export const IDENTITY_KUBE_APISERVER = 7;
export const IDENTITY_INGRESS = 8;
export const IDENTITY_WORLD_IPV4 = 9;
export const IDENTITY_WORLD_IPV6 = 10;

/** Stands in a policy map for every pod of the local cluster. No packet carries it. */
export const CLASS_LOCAL_PODS = 11;
/** … for every pod of another cluster. */
export const CLASS_REMOTE_PODS = 12;
/** … for every range of addresses outside. */
export const CLASS_CIDR = 13;
/** … for every remote node that has an identity of its own. */
export const CLASS_REMOTE_NODES = 14;

/** Labels of the reserved identities that can be somebody's peer. */
export const reservedIdentities: ReadonlyMap<number, readonly string[]> = new Map([
  [IDENTITY_HOST, ['reserved:host']],
  [IDENTITY_WORLD, ['reserved:world']],
  [IDENTITY_UNMANAGED, ['reserved:unmanaged']],
  [IDENTITY_HEALTH, ['reserved:health']],
  [IDENTITY_INIT, ['reserved:init']],
  [IDENTITY_REMOTE_NODE, ['reserved:remote-node']],
  [IDENTITY_KUBE_APISERVER, ['reserved:kube-apiserver', 'reserved:remote-node']],
  [IDENTITY_INGRESS, ['reserved:ingress']],
  [IDENTITY_WORLD_IPV4, ['reserved:world-ipv4']],
  [IDENTITY_WORLD_IPV6, ['reserved:world-ipv6']],
]);

/** Numbers below belong to single reserved identities, which fall into no class. */
const FIRST_CLASSED = 100;
const FIRST_ALLOCATED = 256;
const CLUSTER_ID_SHIFT = 16;
/** Top byte of the identities that each node numbers for itself. */
export const CIDR_SCOPE = 1 << 24;
export const REMOTE_NODE_SCOPE = 2 << 24;

/** The class that an identity belongs to: one of CLASS_*, or IDENTITY_ANY for reserved identities, which have none. */
export function classOf(identity: number, clusterId: number): number {
  if (identity < FIRST_CLASSED) return IDENTITY_ANY;
  if (identity >= REMOTE_NODE_SCOPE) return CLASS_REMOTE_NODES;
  if (identity >= CIDR_SCOPE) return CLASS_CIDR;
  const isLocal = identity < FIRST_ALLOCATED || identity >>> CLUSTER_ID_SHIFT === clusterId;
  return isLocal ? CLASS_LOCAL_PODS : CLASS_REMOTE_PODS;
}

/** Whether a number stands for a class, in policy maps only. */
export function isClass(identity: number): boolean {
  return identity >= CLASS_LOCAL_PODS && identity <= CLASS_REMOTE_NODES;
}
