import type { PodEndpoint } from '../../cluster/model.ts';
import { parseIp } from '../../proto/flow/ip.ts';
import { HookTable } from '../hook/hook-table.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import type { BpfObject } from '../kernel/bpf-object.ts';
import type { Netlink, NetworkState } from '../kernel/netlink.ts';
import type { Link } from '../kernel/netlink-message.ts';
import { AddressMapSync } from './address-map-sync.ts';
import type { DatapathProblem } from './datapath-problem.ts';
import { EndpointIds } from './endpoint-ids.ts';
import { InterfaceFinder } from './find-interface.ts';
import {
  decodeEndpointInfo,
  encodeEndpointInfo,
  encodeLocalAddress,
  encodeU32,
  type LocalEndpoint,
} from './map-layout.ts';

export { type DatapathProblem } from './datapath-problem.ts';

const NO_MAC = new Uint8Array(0);
/** A first attachment to an interface takes the kernel some 10 ms (it waits for all CPUs): after this long the other newcomers are left for the next pass. */
const NEWCOMERS_MS = 200;

/** An endpoint of this node that the datapath serves. */
export interface AttachedEndpoint extends LocalEndpoint {
  readonly pod: PodEndpoint;
  readonly linkName: string;
}

/** Who knows the policies of endpoints. An endpoint has its policy in force before it is served, and gives it back after. */
export interface EndpointPolicies {
  /** @param pod namespace and name */
  assign(pod: string, endpointId: number): void;
  release(pod: string): void;
  /** Every endpoint whose programs were attached already has been assigned its policy. */
  finishInitial(): void;
}

/** What a reconciliation came to. */
export interface ReconcileResult {
  /** Served now and not before, or over another interface than before. */
  readonly attached: readonly AttachedEndpoint[];
  readonly detached: readonly AttachedEndpoint[];
  readonly problems: readonly DatapathProblem[];
  /** Whether something failed that may go well a moment later, such as an interface that went away meanwhile. */
  readonly retry: boolean;
  /** Whether pods are left for the next pass, which had better follow at once. */
  readonly unfinished: boolean;
  /** Whether some address of this node is somebody else's than before. */
  readonly addressesChanged: boolean;
}

interface PlacedPod {
  readonly pod: PodEndpoint;
  readonly addresses: readonly Uint8Array[];
  readonly link: Link;
}

/**
 * Serves the pods of this node: finds the node's side of each pod's interface, writes the pod into the maps, and attaches the programs, in this order (and takes away in the
 * opposite one), so that a program never meets an endpoint it does not know. Works from the wanted and the present state alone: it may be
 * called at any time, and puts right whatever changed in between.
 */
export class EndpointManager {
  private readonly netlink: Netlink;
  private readonly hooks: HookTable;
  private readonly endpoints: BpfMap;
  private readonly localAddresses: AddressMapSync;
  private readonly ids: EndpointIds;
  private readonly byPod = new Map<string, AttachedEndpoint>();
  private policies: EndpointPolicies | null = null;
  private isInitial = true;
  private addressesChanged = false;

  /** Takes up what an earlier agent left in maps and pins; nothing changes before the first `reconcile`. */
  constructor(object: BpfObject, netlink: Netlink, pinDir: string) {
    this.netlink = netlink;
    this.hooks = new HookTable(object, pinDir);
    this.endpoints = object.map('endpoints');
    this.localAddresses = new AddressMapSync(object.map('local_addresses'));
    this.ids = new EndpointIds(this.endpoints.entries().map(([, value]) => decodeEndpointInfo(value)));
  }

  /** Has every endpoint given its policy before it is served. To be called before the first `reconcile`. */
  usePolicies(policies: EndpointPolicies): void {
    this.policies = policies;
  }

  /** Endpoints served now. */
  get attached(): readonly AttachedEndpoint[] {
    return [...this.byPod.values()];
  }

  /** Takes the programs of another object over the same maps; the next `reconcile` puts them in place of the old ones. */
  setPrograms(object: BpfObject): void {
    this.hooks.setPrograms(object);
  }

  /**
   * Makes the datapath serve exactly `pods`, as far as their interfaces are there.
   * @param deviceName the node's network device
   */
  reconcile(pods: readonly PodEndpoint[], network: NetworkState, deviceName: string): ReconcileResult {
    const problems: DatapathProblem[] = [];
    const before = new Map(this.byPod);
    this.hooks.readPins();
    this.byPod.clear();
    const pinned = this.hooks.pinnedInterfaces();
    const placed = this.findInterfaces(pods, network, before, problems);
    const known = placed.filter(({ link }) => pinned.has(link.index));
    const newcomers = placed.filter(({ link }) => !pinned.has(link.index));
    let retry = !this.serveAll(known, problems);
    const endMs = performance.now() + NEWCOMERS_MS;
    while (newcomers.length > 0 && performance.now() < endMs)
      retry = !this.serveAll(newcomers.splice(0, 1), problems) || retry;
    const device = network.links.find((link) => link.name === deviceName);
    retry = !this.serveDevice(device, deviceName, problems) || retry;
    this.addressesChanged = false;
    retry = !this.writeAddresses(network, problems) || retry;
    this.hooks.detachExcept(this.wantedInterfaces(device));
    this.removeStaleEntries();
    this.releasePolicies(before, newcomers);
    this.ids.keepOnly(new Set(pods.map(podKey)));
    const { addressesChanged } = this;
    return { ...this.compare(before), problems, retry, unfinished: newcomers.length > 0, addressesChanged };
  }

  /** Detaches every program of this node. What maps hold stays. */
  detachAll(): void {
    this.hooks.detachExcept(new Set());
  }

  /** Each pod with an interface of its own; the surest finds come first, and an interface serves one pod. */
  private findInterfaces(
    pods: readonly PodEndpoint[],
    network: NetworkState,
    before: ReadonlyMap<string, AttachedEndpoint>,
    problems: DatapathProblem[],
  ): PlacedPod[] {
    const finder = new InterfaceFinder(network, ({ netnsId }) => this.netlink.readNetnsAddresses(netnsId));
    const found = pods.map((pod) => {
      const addresses = pod.addresses.map(parseIp).filter((address) => address !== null);
      return { pod, addresses, found: finder.find(addresses, before.get(podKey(pod))) };
    });
    const placed = new Map<number, PlacedPod>();
    for (const by of ['route', 'kept', 'bridge', undefined] as const) {
      for (const { pod, addresses, found: place } of found) {
        if (place?.by !== by) continue;
        const owner = place && placed.get(place.link.index);
        if (place && owner === undefined) {
          placed.set(place.link.index, { pod, addresses, link: place.link });
          continue;
        }
        const message =
          place && owner
            ? `interface ${place.link.name} is that of pod ${podKey(owner.pod)}: its traffic is told as that pod's`
            : `no route to ${pod.addresses.join(' or ')} over an interface of its own: its traffic is not seen`;
        problems.push({ where: `pod ${podKey(pod)}`, message });
      }
    }
    return [...placed.values()];
  }

  /** Whether all went well. */
  private serveAll(placed: readonly PlacedPod[], problems: DatapathProblem[]): boolean {
    let wentWell = true;
    for (const { pod, addresses, link } of placed) {
      try {
        this.byPod.set(podKey(pod), this.serve(pod, addresses, link));
      } catch (error) {
        wentWell = false;
        problems.push({ where: `pod ${podKey(pod)}`, message: (error as Error).message });
      }
    }
    return wentWell;
  }

  private serve(pod: PodEndpoint, addresses: readonly Uint8Array[], link: Link): AttachedEndpoint {
    const endpoint = {
      pod,
      linkName: link.name,
      ifindex: link.index,
      identity: pod.identity,
      id: this.ids.idOf(podKey(pod), addresses),
      // Asked each time: a pod may change its own address, of which nobody is told here. Without it delivery is left to the kernel's stack.
      podMac: (link.peer && this.netlink.readPeerMac(link.peer)) ?? NO_MAC,
      hostMac: link.mac,
      addresses,
    };
    this.policies?.assign(podKey(pod), endpoint.id);
    const mapKey = encodeU32(link.index);
    const value = encodeEndpointInfo(endpoint);
    const present = this.endpoints.lookup(mapKey);
    if (present === null || Buffer.compare(present, value) !== 0) this.endpoints.update(mapKey, value);
    this.hooks.attach('endpoint', link.index, link.name);
    return endpoint;
  }

  /** Whether it went well. A device that is not there is a problem that only its coming back mends. */
  private serveDevice(device: Link | undefined, name: string, problems: DatapathProblem[]): boolean {
    const where = `device ${name}`;
    if (device === undefined) {
      problems.push({ where, message: 'no such interface: traffic with other nodes is not seen' });
      return true;
    }
    try {
      this.hooks.attach('device', device.index, device.name);
      return true;
    } catch (error) {
      problems.push({ where, message: (error as Error).message });
      return false;
    }
  }

  /** Where each address of this node is: an endpoint's, or the node's own. Whether all could be written. */
  private writeAddresses(network: NetworkState, problems: DatapathProblem[]): boolean {
    const own = encodeLocalAddress(null);
    const ofNode = network.addresses
      .filter(({ address }) => !isLoopback(address))
      .map(({ address }) => [address, own] as const);
    const ofEndpoints = this.attached.flatMap((endpoint) =>
      endpoint.addresses.map((address) => [address, encodeLocalAddress(endpoint)] as const),
    );
    // An address that both have is the endpoint's: it comes last.
    this.localAddresses.setAll([...ofNode, ...ofEndpoints]);
    try {
      this.addressesChanged = this.localAddresses.flush();
      return true;
    } catch (error) {
      this.addressesChanged = true;
      problems.push({ where: 'local addresses', message: (error as Error).message });
      return false;
    }
  }

  private wantedInterfaces(device: Link | undefined): Set<number> {
    const wanted = new Set(this.attached.map(({ ifindex }) => ifindex));
    if (device !== undefined) wanted.add(device.index);
    return wanted;
  }

  /** An entry goes after the programs: as long as one is attached, it would drop everything of an interface it does not know. */
  private removeStaleEntries(): void {
    const pinned = this.hooks.pinnedInterfaces();
    for (const key of this.endpoints.keys()) {
      if (!pinned.has(Buffer.from(key).readUInt32LE(0))) this.endpoints.delete(key);
    }
  }

  /** Policies go after programs and entries. */
  private releasePolicies(
    before: ReadonlyMap<string, AttachedEndpoint>,
    waiting: readonly PlacedPod[],
  ): void {
    const wait = new Set(waiting.map(({ pod }) => podKey(pod)));
    for (const key of before.keys()) {
      if (!this.byPod.has(key) && !wait.has(key)) this.policies?.release(key);
    }
    if (!this.isInitial) return;
    this.isInitial = false;
    this.policies?.finishInitial();
  }

  private compare(before: ReadonlyMap<string, AttachedEndpoint>): {
    attached: AttachedEndpoint[];
    detached: AttachedEndpoint[];
  } {
    return {
      attached: [...this.byPod]
        .filter(([key, endpoint]) => before.get(key)?.ifindex !== endpoint.ifindex)
        .map(([, endpoint]) => endpoint),
      detached: [...before].filter(([key]) => !this.byPod.has(key)).map(([, endpoint]) => endpoint),
    };
  }
}

function podKey(pod: PodEndpoint): string {
  return `${pod.namespace}/${pod.podName}`;
}

/** 127.0.0.0/8 and ::1: every namespace has them, so they tell nothing. */
function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address.subarray(0, 15).every((byte) => byte === 0) && address[15] === 1;
}
