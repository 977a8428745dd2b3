import type { LinkAddress, Link } from '../kernel/netlink-message.ts';
import type { NetworkState } from '../kernel/netlink.ts';

/** Answers which addresses a veth's other end has; asked only when routes do not tell. */
export type PeerAddresses = (peer: {
  readonly index: number;
  readonly netnsId: number;
}) => readonly LinkAddress[];

/** The interface that a pod had the last time. */
export interface PreviousInterface {
  readonly ifindex: number;
  readonly linkName: string;
  readonly hostMac: Uint8Array;
}

/** An interface and how it was found, the surest first. */
export interface FoundInterface {
  readonly link: Link;
  readonly by: 'route' | 'kept' | 'bridge';
}

/** Finds the node's side of the interfaces of its pods, for one state of the network. */
export class InterfaceFinder {
  private readonly links: ReadonlyMap<number, Link>;
  /** Interface of each address that is routed alone, by hex address. */
  private readonly hostRoutes = new Map<string, number>();
  private readonly ports: readonly Link[];
  private readonly peerAddresses: PeerAddresses;
  /** Interface of each address that a pod on a bridge has; null until it is needed. */
  private bridged: ReadonlyMap<string, Link> | null = null;

  constructor(network: NetworkState, peerAddresses: PeerAddresses) {
    this.links = new Map(network.links.map((link) => [link.index, link]));
    for (const { destination, prefixLength, viaGateway, linkIndex } of network.routes) {
      if (!viaGateway && prefixLength === destination.length * 8)
        this.hostRoutes.set(hex(destination), linkIndex);
    }
    const bridges = new Set(network.links.filter(({ kind }) => kind === 'bridge').map(({ index }) => index));
    this.ports = network.links.filter(({ peer, masterIndex }) => peer !== null && bridges.has(masterIndex));
    this.peerAddresses = peerAddresses;
  }

  /**
   * The interface of a pod, or null:
   * - `route`: the one over which one of its addresses alone is routed;
   * - `kept`: the one it had, as long as that is there: an interface that is down has lost its routes and is the pod's all the same;
   * - `bridge`: a bridge's port behind which one of its addresses is.
   * Loopback is never a pod's.
   */
  find(addresses: readonly Uint8Array[], previous: PreviousInterface | undefined): FoundInterface | null {
    const texts = addresses.map(hex);
    const routed = texts.map((text) => this.linkAt(this.hostRoutes.get(text))).find((link) => link !== null);
    if (routed) return { link: routed, by: 'route' };
    const kept = this.linkAt(previous?.ifindex);
    // An index may have been given to another interface since.
    if (kept !== null && kept.name === previous?.linkName && hex(kept.mac) === hex(previous.hostMac))
      return { link: kept, by: 'kept' };
    const bridged = texts.map((text) => this.bridgedLinks().get(text)).find((link) => link !== undefined);
    return bridged === undefined ? null : { link: bridged, by: 'bridge' };
  }

  private linkAt(index: number | undefined): Link | null {
    const link = index === undefined ? undefined : this.links.get(index);
    return link === undefined || link.isLoopback ? null : link;
  }

  /** An address behind two ports belongs to neither: one of the pods took it without being asked. */
  private bridgedLinks(): ReadonlyMap<string, Link> {
    if (this.bridged !== null) return this.bridged;
    const bridged = new Map<string, Link>();
    const contested = new Set<string>();
    for (const link of this.ports) {
      if (link.peer === null || link.peer.netnsId < 0) continue;
      for (const { address, linkIndex } of this.peerAddresses(link.peer)) {
        if (linkIndex !== link.peer.index) continue;
        if (bridged.has(hex(address))) contested.add(hex(address));
        bridged.set(hex(address), link);
      }
    }
    for (const address of contested) bridged.delete(address);
    this.bridged = bridged;
    return bridged;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
