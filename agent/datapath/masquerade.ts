import { readFileSync } from 'node:fs';
import { formatIp } from '../../cluster/address.ts';
import type { ClusterChange, ClusterNode } from '../../cluster/model.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import type { NetworkState } from '../kernel/netlink.ts';
import type { DatapathProblem } from './datapath-problem.ts';
import type { DatapathSettings } from './datapath-settings.ts';
import { encodeMasquerade, encodeU32, type NatPorts } from './map-layout.ts';
import { type RangeMap, RangeSync } from './range-sync.ts';

export interface MasqueradeOptions {
  /** What pods send outside the fleet leaves with the node's address. Default false. */
  readonly masquerade?: boolean;
  /** Ranges to which pods speak from their own addresses all the same, canonical text. Those that pods of any node have are known. */
  readonly noMasqueradeCidrs?: readonly string[];
  readonly clusterName: string;
  readonly nodeName: string;
}

export interface MasqueradeMaps {
  readonly masquerade: Pick<BpfMap, 'lookup' | 'update'>;
  readonly noMasquerade: RangeMap;
}

/** Addresses that pods are seen as outside; absent where nothing of the family is translated. */
export interface MasqueradeAddresses {
  readonly ipv4?: Uint8Array;
  readonly ipv6?: Uint8Array;
}

/** Ports that nobody needs privileges or luck for: below them are services of the node. */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
const LOCAL_PORTS_FILE = '/proc/sys/net/ipv4/ip_local_port_range';

/** Keeps the maps by which the programs masquerade in step with the node's addresses and the fleet's ranges. */
export class Masquerade {
  private readonly options: MasqueradeOptions;
  private readonly maps: MasqueradeMaps;
  private readonly settings: DatapathSettings;
  private readonly ranges: RangeSync;
  private readonly nodes = new Map<string, ClusterNode>();
  private readonly onAddresses: (addresses: MasqueradeAddresses) => void;
  private written: Uint8Array | null;
  private told = false;

  /**
   * Takes over what the maps hold: until the first `reconcile` it stays as it is.
   * @param onAddresses told at first and when they change
   */
  constructor(
    options: MasqueradeOptions,
    maps: MasqueradeMaps,
    settings: DatapathSettings,
    onAddresses: (addresses: MasqueradeAddresses) => void,
  ) {
    this.onAddresses = onAddresses;
    this.options = options;
    this.maps = maps;
    this.settings = settings;
    this.ranges = new RangeSync(maps.noMasquerade, 'pods reach their addresses as the node');
    this.written = maps.masquerade.lookup(encodeU32(0));
  }

  /** Takes changes of any cluster's state; `reconcile` then puts them in force. Whether there is something to put in force. */
  apply(changes: readonly ClusterChange[]): boolean {
    let changed = false;
    for (const change of changes) {
      if (change.kind !== 'node-upsert' && change.kind !== 'node-delete') continue;
      const key = `${change.node.cluster}/${change.node.name}`;
      if (change.kind === 'node-upsert') this.nodes.set(key, change.node);
      else this.nodes.delete(key);
      changed = true;
    }
    return changed && this.options.masquerade === true;
  }

  /**
   * Makes the programs translate to the addresses of a device, or stop translating.
   * @param deviceIndex the node's network device, 0 = it is not there; then what was in force stays
   */
  reconcile(network: NetworkState, deviceIndex: number): DatapathProblem[] {
    if (this.options.masquerade !== true) {
      this.settings.setMasquerade(false);
      return [];
    }
    const wanted = this.wantedRanges();
    this.ranges.add(wanted);
    this.ranges.removeOthers(wanted);
    const ofRanges = this.ranges.problem === null ? [] : [problem(this.ranges.problem)];
    if (deviceIndex === 0) return ofRanges;
    const addresses = this.addressesOf(network, deviceIndex);
    const value = encodeMasquerade(addresses, portsBeside(readLocalPorts()));
    const isNew = this.written === null || Buffer.compare(this.written, value) !== 0;
    if (isNew) this.maps.masquerade.update(encodeU32(0), value);
    if (isNew || !this.told) this.onAddresses(addresses);
    this.written = value;
    this.told = true;
    this.settings.setMasquerade(true);
    const missing = (['ipv4', 'ipv6'] as const).filter((family) => addresses[family] === undefined);
    return [...ofRanges, ...missing.map((family) => problem(describeMissing(family)))];
  }

  private wantedRanges(): Map<string, number> {
    const ofPods = [...this.nodes.values()].flatMap(({ podCidrs }) => podCidrs);
    return new Map([...ofPods, ...(this.options.noMasqueradeCidrs ?? [])].map((cidr) => [cidr, 0] as const));
  }

  /** Of each family the address that the Node object names, if the device has it, else its first. */
  private addressesOf(network: NetworkState, deviceIndex: number): MasqueradeAddresses {
    const own = this.nodes.get(`${this.options.clusterName}/${this.options.nodeName}`)?.addresses ?? [];
    const candidates = network.addresses
      .filter(({ linkIndex, address }) => linkIndex === deviceIndex && !isLinkLocal(address))
      .map(({ address }) => address);
    const find = (bytes: number): Uint8Array | undefined => {
      const ofFamily = candidates.filter(({ length }) => length === bytes);
      return ofFamily.find((address) => own.includes(formatIp(address))) ?? ofFamily[0];
    };
    const [ipv4, ipv6] = [find(4), find(16)];
    return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  }
}

/**
 * The larger part of the ports that the node's own sockets do not choose by themselves: a port there that a pod's connection has outside can be no other connection's.
 * @param local the range of those that they do choose
 */
export function portsBeside(local: { readonly first: number; readonly last: number }): NatPorts {
  const below = { first: FIRST_PORT, count: Math.max(0, local.first - FIRST_PORT) };
  const above = { first: local.last + 1, count: Math.max(0, LAST_PORT - local.last) };
  const larger = below.count >= above.count ? below : above;
  // A node that leaves none takes the risk of sharing: better than no translation.
  return larger.count > 0 ? larger : { first: 32_768, count: LAST_PORT - 32_767 };
}

function readLocalPorts(): { first: number; last: number } {
  const [first, last] = readFileSync(LOCAL_PORTS_FILE, 'utf8').trim().split(/\s+/).map(Number);
  return { first, last };
}

function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16
    ? address[0] === 0xfe && (address[1] & 0xc0) === 0x80
    : address[0] === 169 && address[1] === 254;
}

function problem(message: string): DatapathProblem {
  return { where: 'masquerade', message };
}

function describeMissing(family: 'ipv4' | 'ipv6'): string {
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6';
  return `the node's device has no ${name} address: over ${name} pods leave with their own`;
}
