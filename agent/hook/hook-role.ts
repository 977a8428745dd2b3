import type { TcxDirection } from '../kernel/tcx-link.ts';

/** A program of the datapath and the side of an interface where it belongs. Ingress is what comes out of the interface towards the node. */
export interface Hook {
  readonly program: 'from_container' | 'to_container' | 'from_netdev' | 'to_netdev';
  readonly direction: TcxDirection;
}

/** What an interface is to the node: the host side of a pod's veth, or the node's network device. */
export const hookRoles = {
  endpoint: [
    { program: 'from_container', direction: 'ingress' },
    { program: 'to_container', direction: 'egress' },
  ],
  device: [
    { program: 'from_netdev', direction: 'ingress' },
    { program: 'to_netdev', direction: 'egress' },
  ],
} as const satisfies Readonly<Record<string, readonly Hook[]>>;

export type HookRole = keyof typeof hookRoles;
