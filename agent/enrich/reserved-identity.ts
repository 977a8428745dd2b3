/** Identities with a fixed meaning: number and labels, as Cilium numbers them. */
export const IDENTITY_UNKNOWN = 0;
export const IDENTITY_HOST = 1;
export const IDENTITY_WORLD = 2;
export const IDENTITY_REMOTE_NODE = 6;

const reservedLabels: Readonly<Record<number, readonly string[]>> = {
  0: ['reserved:unknown'],
  1: ['reserved:host'],
  2: ['reserved:world'],
  3: ['reserved:unmanaged'],
  4: ['reserved:health'],
  5: ['reserved:init'],
  6: ['reserved:remote-node'],
  7: ['reserved:kube-apiserver', 'reserved:remote-node'],
  8: ['reserved:ingress'],
  9: ['reserved:world-ipv4'],
  10: ['reserved:world-ipv6'],
};

/** Labels of a reserved identity; undefined for numbers that are allocated. */
export function labelsOfReservedIdentity(identity: number): readonly string[] | undefined {
  return reservedLabels[identity];
}
