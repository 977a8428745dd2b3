import { readdirSync } from 'node:fs';
import { type PodEndpoint } from '../../cluster/model.ts';
import { parseIp } from '../../proto/flow/ip.ts';
import { type BpfObject } from '../kernel/bpf-object.ts';
import { type BpfMap } from '../kernel/bpf-map.ts';
import { type Netlink, type NetworkState } from '../kernel/netlink.ts';
import { type Link } from '../kernel/netlink-message.ts';
import { attachTcx, detachTcx, type TcxDirection } from '../kernel/tcx-link.ts';
import { AddressMapSync } from './address-set-sync.ts';
import {
  decodeEndpointInfo,
  encodeEndpointInfo,
  encodeLocalAddress,
  encodeU32,
  type LocalEndpoint,
} from './map-layout.ts';

const MAX_ENDPOINT_ID = 65535;
const NO_MAC = new Uint8Array(0);

/** An endpoint of this node that the datapath serves. */
export interface AttachedEndpoint extends LocalEndpoint {
  readonly pod: PodEndpoint;
  readonly linkName: string;
}

/** Something that keeps an endpoint or the device from being served; listed until it is mended. */
export interface DatapathProblem {
  readonly where: string;
  readonly message: string;
}

/** What a reconciliation came to. */
export interface ReconcileResult {
  readonly attached: readonly AttachedEndpoint[];
  readonly detached: readonly AttachedEndpoint[];
  readonly problems: readonly DatapathProblem[];
}

/**
 * Serves the pods of this node: finds the host side of each pod's veth by the route to the pod's address, writes the pod into the maps, and attaches the
 * programs, in this order, so that a program never meets an endpoint it does not know. Works from the wanted and the present state alone: it may be
 * called at any time, and puts right whatever changed in between.
 */
export class EndpointManager {
  private readonly object: BpfObject;
  private readonly netlink: Netlink;
  private readonly pinDir: string;
  private readonly endpoints: BpfMap;
  private readonly localAddresses: AddressMapSync;
  private readonly byPod = new Map<string, AttachedEndpoint>();
  private readonly ids = new Map<string, number>();
  /** Ids that an earlier agent gave, by hex address. */
  private readonly inheritedIds = new Map<string, number>();
  private readonly peerMacs = new Map<string, Uint8Array>();
  private nextId = 1;
  /** Pins that this process has attached or taken over, and the interface behind each. */
  private readonly livePins = new Map<string, string>();
  /** Interfaces whose entry goes once their programs are detached: while attached, a program without its entry would drop everything. */
  private readonly pendingDeletes: Uint8Array[] = [];

  constructor(object: BpfObject, netlink: Netlink, pinDir: string) {
    this.object = object;
    this.netlink = netlink;
    this.pinDir = pinDir;
    this.endpoints = object.map('endpoints');
    this.localAddresses = new AddressMapSync(object.map('local_addresses'));
    for (const key of this.endpoints.keys()) {
      const value = this.endpoints.lookup(key);
      if (value === null) continue;
      const { id, addresses } = decodeEndpointInfo(value);
      for (const address of addresses) this.inheritedIds.set(Buffer.from(address).toString('hex'), id);
    }
  }

  /** Endpoints served now. */
  get attached(): readonly AttachedEndpoint[] {
    return [...this.byPod.values()];
  }

  /**
   * Makes the datapath serve exactly `pods`, as far as their interfaces are there.
   * @param deviceName the node's network device
   */
  reconcile(pods: readonly PodEndpoint[], network: NetworkState, deviceName: string): ReconcileResult {
    const problems: DatapathProblem[] = [];
    const attached: AttachedEndpoint[] = [];
    const pins = new Set<string>();
    const links = new Map(network.links.map((link) => [link.index, link]));
    const seen = new Set<string>();
    for (const pod of pods) {
      const key = `${pod.namespace}/${pod.podName}`;
      const link = findLink(pod, network, links);
      if (link === null) {
        problems.push({
          where: `pod ${key}`,
          message: `no route to ${pod.addresses.join(' or ')} over an interface of its own: its traffic is not seen`,
        });
        continue;
      }
      seen.add(key);
      try {
        const endpoint = this.describe(key, pod, link);
        const old = this.byPod.get(key);
        this.write(endpoint);
        this.attach('from_container', link, 'ingress', pins);
        this.attach('to_container', link, 'egress', pins);
        if (old === undefined || old.ifindex !== endpoint.ifindex) attached.push(endpoint);
        this.byPod.set(key, endpoint);
      } catch (error) {
        problems.push({ where: `pod ${key}`, message: (error as Error).message });
      }
    }
    this.attachDevice(network, deviceName, pins, problems);
    const detached = this.forgetMissing(seen);
    this.writeAddresses(network);
    this.removeStalePins(pins);
    return { attached, detached, problems };
  }

  /** Detaches every program of this node. What maps hold stays. */
  detachAll(): void {
    this.removeStalePins(new Set());
  }

  private describe(key: string, pod: PodEndpoint, link: Link): AttachedEndpoint {
    const addresses = pod.addresses.map(parseIp).filter((address) => address !== null);
    return {
      pod,
      linkName: link.name,
      ifindex: link.index,
      identity: pod.identity,
      id: this.idOf(key, addresses),
      podMac: this.peerMac(link),
      hostMac: link.mac,
      addresses,
    };
  }

  private idOf(key: string, addresses: readonly Uint8Array[]): number {
    let id = this.ids.get(key);
    if (id !== undefined) return id;
    const used = new Set(this.ids.values());
    const inherited = addresses
      .map((address) => this.inheritedIds.get(Buffer.from(address).toString('hex')))
      .find((candidate) => candidate !== undefined && candidate > 0 && !used.has(candidate));
    id = inherited;
    for (let tries = 0; id === undefined; tries++) {
      if (tries > MAX_ENDPOINT_ID) throw new Error(`more than ${MAX_ENDPOINT_ID} endpoints on one node`);
      const candidate = this.nextId;
      this.nextId = this.nextId >= MAX_ENDPOINT_ID ? 1 : this.nextId + 1;
      if (!used.has(candidate) && !this.isInherited(candidate)) id = candidate;
    }
    this.ids.set(key, id);
    return id;
  }

  private isInherited(id: number): boolean {
    for (const inherited of this.inheritedIds.values()) if (inherited === id) return true;
    return false;
  }

  /** The MAC that the pod has; without it the datapath leaves delivery to the kernel's stack. */
  private peerMac(link: Link): Uint8Array {
    if (link.peer === null) return NO_MAC;
    const key = `${link.index} ${link.peer.netnsId} ${link.peer.index}`;
    let mac = this.peerMacs.get(key);
    if (mac === undefined) {
      mac = this.netlink.readPeerMac(link.peer) ?? undefined;
      if (mac === undefined) return NO_MAC;
      this.peerMacs.set(key, mac);
    }
    return mac;
  }

  private write(endpoint: AttachedEndpoint): void {
    const value = encodeEndpointInfo(endpoint);
    const key = encodeU32(endpoint.ifindex);
    const present = this.endpoints.lookup(key);
    if (present === null || Buffer.compare(present, value) !== 0) this.endpoints.update(key, value);
  }

  private attach(program: string, link: Link, direction: TcxDirection, pins: Set<string>): void {
    const pin = `link_${link.index}_${direction}`;
    pins.add(pin);
    // An index may come back with another interface behind it, whose link is dead then.
    const attachedTo = `${link.name} ${Buffer.from(link.mac).toString('hex')}`;
    if (this.livePins.get(pin) === attachedTo) return;
    attachTcx(this.object.programFd(program), link.index, direction, `${this.pinDir}/${pin}`);
    this.livePins.set(pin, attachedTo);
  }

  private attachDevice(
    network: NetworkState,
    deviceName: string,
    pins: Set<string>,
    problems: DatapathProblem[],
  ): void {
    const device = network.links.find((link) => link.name === deviceName);
    if (device === undefined) {
      problems.push({
        where: `device ${deviceName}`,
        message: 'no such interface: traffic with other nodes is not seen',
      });
      return;
    }
    try {
      this.attach('from_netdev', device, 'ingress', pins);
      this.attach('to_netdev', device, 'egress', pins);
    } catch (error) {
      problems.push({ where: `device ${deviceName}`, message: (error as Error).message });
    }
  }

  private forgetMissing(seen: ReadonlySet<string>): AttachedEndpoint[] {
    const gone: AttachedEndpoint[] = [];
    const inUse = new Set<number>();
    for (const [key, endpoint] of this.byPod) {
      if (seen.has(key)) {
        inUse.add(endpoint.ifindex);
        continue;
      }
      gone.push(endpoint);
      this.byPod.delete(key);
      this.ids.delete(key);
    }
    for (const key of this.endpoints.keys()) {
      if (!inUse.has(Buffer.from(key).readUInt32LE(0))) this.pendingDeletes.push(key);
    }
    return gone;
  }

  private writeAddresses(network: NetworkState): void {
    const wanted = new Map<string, { address: Uint8Array; value: Uint8Array }>();
    const add = (address: Uint8Array, value: Uint8Array): void => {
      wanted.set(Buffer.from(address).toString('hex'), { address, value });
    };
    const loopbacks = new Set(network.links.filter((link) => link.isLoopback).map((link) => link.index));
    for (const { address, linkIndex } of network.addresses) {
      if (!loopbacks.has(linkIndex)) add(address, encodeLocalAddress(null));
    }
    for (const endpoint of this.byPod.values()) {
      for (const address of endpoint.addresses) add(address, encodeLocalAddress(endpoint));
    }
    this.localAddresses.replaceAll([...wanted.values()]);
  }

  private removeStalePins(pins: ReadonlySet<string>): void {
    for (const name of readdirSync(this.pinDir)) {
      if (!name.startsWith('link_') || pins.has(name)) continue;
      detachTcx(`${this.pinDir}/${name}`);
      this.livePins.delete(name);
    }
    for (const key of this.pendingDeletes.splice(0)) this.endpoints.delete(key);
  }
}

/** The interface over which one of the pod's addresses alone is routed. */
function findLink(pod: PodEndpoint, network: NetworkState, links: ReadonlyMap<number, Link>): Link | null {
  for (const text of pod.addresses) {
    const address = parseIp(text);
    if (address === null) continue;
    const route = network.routes.find(
      ({ destination, prefixLength, viaGateway }) =>
        !viaGateway && prefixLength === address.length * 8 && Buffer.compare(destination, address) === 0,
    );
    const link = route === undefined ? undefined : links.get(route.linkIndex);
    if (link !== undefined) return link;
  }
  return null;
}
