/** Reserved identities by number (Cilium pkg/identity; 11 to 14 since 1.20). */
const reservedIdentities = [
  'unknown',
  'host',
  'world',
  'unmanaged',
  'health',
  'init',
  'remote-node',
  'kube-apiserver',
  'ingress',
  'world-ipv4',
  'world-ipv6',
  'aggregate-cluster',
  'aggregate-cluster-mesh',
  'aggregate-world',
  'aggregate-remote-node',
];

/** Names that identity flags accept: all but `unknown`, for which people write 0. */
export const reservedIdentityNames: readonly string[] = reservedIdentities.slice(1);

/** Number of a reserved identity's name; undefined for others, and for `unknown`. */
export function reservedIdentity(name: string): number | undefined {
  const number = reservedIdentities.indexOf(name);
  return number > 0 ? number : undefined;
}

/** An identity as people see it: `(world)` or `(ID:20417)`. */
export function identityText(identity: number): string {
  const name = reservedIdentities[identity];
  return name === undefined ? `(ID:${identity})` : `(${name})`;
}
