/** Mirrors bpf/shared/maps_shared.h and nat_shared.h; a test holds them against each other. */

const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

export const layouts = {
  node_constants: { size: 8, device_ifindex: 0, device_has_no_l2: 4, cluster_id: 5 },
  datapath_settings: {
    size: 28,
    aggregation: 0,
    interval_s: 4,
    capture_bytes: 8,
    flags: 12,
    dns_burst: 16,
    identity_epoch: 20,
    denial_burst: 24,
  },
  endpoint_info: {
    size: 40,
    identity: 0,
    endpoint_id: 4,
    flags: 6,
    ipv4: 8,
    ipv6: 12,
    pod_mac: 28,
    host_mac: 34,
  },
  address_key: { size: 20, family: 0, address: 4 },
  local_address: { size: 24, ifindex: 0, identity: 4, endpoint_id: 8, pod_mac: 10, host_mac: 16 },
  cidr_key: { size: 24, prefix_len: 0, family: 4, address: 8 },
  ipcache_info: { size: 8, identity: 0, flags: 4 },
  masquerade_config: { size: 24, ipv4: 0, ipv6: 4, first_port: 20, ports: 22 },
} as const;

/** How densely the datapath reports: every packet everywhere, every packet at send points, or per connection. */
export const aggregationLevels = { none: 0, low: 1, medium: 2 } as const;
export type AggregationLevel = keyof typeof aggregationLevels;

export const SETTING_NO_REDIRECT = 1 << 1;
export const SETTING_POLICY = 1 << 2;
export const SETTING_MASQUERADE = 1 << 3;

/** `dns_burst` and `denial_burst` count in windows of 2^26 ns. */
const WINDOW_SECONDS = 2 ** 26 / 1e9;

/**
 * @param device the node's network device; null = none: nothing is redirected out of it
 * @param clusterId bits 16 to 23 of the identities of the own cluster's pods
 */
export function encodeNodeConstants(
  device: { readonly index: number; readonly hasL2: boolean } | null,
  clusterId: number,
): Uint8Array {
  const bytes = Buffer.alloc(layouts.node_constants.size);
  bytes.writeUInt32LE(device?.index ?? 0, layouts.node_constants.device_ifindex);
  bytes[layouts.node_constants.device_has_no_l2] = device?.hasL2 === false ? 1 : 0;
  bytes[layouts.node_constants.cluster_id] = clusterId;
  return bytes;
}

export function encodeSettings(settings: {
  readonly aggregation: AggregationLevel;
  readonly intervalSeconds: number;
  readonly captureBytes: number;
  readonly flags: number;
  /** DNS messages that the node may tell, 0 = none. */
  readonly dnsPerSecond: number;
  readonly identityEpoch: number;
  /** Denied packets that the node may tell, 0 = all. */
  readonly denialsPerSecond: number;
}): Uint8Array {
  const layout = layouts.datapath_settings;
  const bytes = Buffer.alloc(layout.size);
  bytes.writeUInt32LE(aggregationLevels[settings.aggregation], layout.aggregation);
  bytes.writeUInt32LE(settings.intervalSeconds, layout.interval_s);
  bytes.writeUInt32LE(settings.captureBytes, layout.capture_bytes);
  bytes.writeUInt32LE(settings.flags, layout.flags);
  bytes.writeUInt32LE(Math.ceil(settings.dnsPerSecond * WINDOW_SECONDS), layout.dns_burst);
  bytes.writeUInt32LE(settings.identityEpoch, layout.identity_epoch);
  bytes.writeUInt32LE(Math.ceil(settings.denialsPerSecond * WINDOW_SECONDS), layout.denial_burst);
  return bytes;
}

/** What the next agent has to take over from a `settings` value. */
export function decodeSettings(value: Uint8Array): { flags: number; identityEpoch: number } {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const layout = layouts.datapath_settings;
  return {
    flags: bytes.readUInt32LE(layout.flags),
    identityEpoch: bytes.readUInt32LE(layout.identity_epoch),
  };
}

/** @param address 4 or 16 bytes */
export function encodeAddressKey(address: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(layouts.address_key.size);
  bytes[layouts.address_key.family] = address.length === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  bytes.set(address, layouts.address_key.address);
  return bytes;
}

/** The 4 or 16 bytes of a key's address. */
export function decodeAddressKey(key: Uint8Array): Uint8Array {
  const start = layouts.address_key.address;
  const length = key[layouts.address_key.family] === FAMILY_IPV4 ? 4 : 16;
  return key.slice(start, start + length);
}

/** The range that a key of map `ipcache_cidr` stands for. */
export function decodeCidrKey(key: Uint8Array): { bytes: Uint8Array; bits: number } {
  const layout = layouts.cidr_key;
  const bits = Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32LE(layout.prefix_len) - 32;
  const length = key[layout.family] === FAMILY_IPV4 ? 4 : 16;
  return { bytes: key.slice(layout.address, layout.address + length), bits };
}

/** @param address 4 or 16 bytes, of which the first `bits` count */
export function encodeCidrKey(address: Uint8Array, bits: number): Uint8Array {
  const layout = layouts.cidr_key;
  const bytes = Buffer.alloc(layout.size);
  // Counted from the family on, which stands before the address.
  bytes.writeUInt32LE(32 + bits, layout.prefix_len);
  bytes[layout.family] = address.length === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  bytes.set(address, layout.address);
  return bytes;
}

/** What the datapath has to know of an endpoint of this node. MACs of 6 bytes, or empty when not known. */
export interface LocalEndpoint {
  readonly ifindex: number;
  readonly identity: number;
  readonly id: number;
  readonly podMac: Uint8Array;
  readonly hostMac: Uint8Array;
  readonly addresses: readonly Uint8Array[];
}

export function encodeEndpointInfo(endpoint: LocalEndpoint): Uint8Array {
  const layout = layouts.endpoint_info;
  const bytes = Buffer.alloc(layout.size);
  bytes.writeUInt32LE(endpoint.identity, layout.identity);
  bytes.writeUInt16LE(endpoint.id, layout.endpoint_id);
  for (const address of endpoint.addresses)
    bytes.set(address, address.length === 4 ? layout.ipv4 : layout.ipv6);
  bytes.set(endpoint.podMac, layout.pod_mac);
  bytes.set(endpoint.hostMac, layout.host_mac);
  return bytes;
}

/** Id and addresses of an `endpoints` value, for taking up where an earlier agent left off. */
export function decodeEndpointInfo(value: Uint8Array): { id: number; addresses: Uint8Array[] } {
  const layout = layouts.endpoint_info;
  const candidates = [value.slice(layout.ipv4, layout.ipv4 + 4), value.slice(layout.ipv6, layout.ipv6 + 16)];
  return {
    id: value[layout.endpoint_id] | (value[layout.endpoint_id + 1] << 8),
    addresses: candidates.filter((address) => address.some((byte) => byte !== 0)),
  };
}

/** All that an `endpoints` value says of an endpoint; a MAC is empty when it is not known. */
export function decodeEndpoint(value: Uint8Array): Omit<LocalEndpoint, 'ifindex'> {
  const layout = layouts.endpoint_info;
  const mac = (at: number): Uint8Array => {
    const bytes = value.slice(at, at + 6);
    return bytes.some((byte) => byte !== 0) ? bytes : new Uint8Array(0);
  };
  return {
    ...decodeEndpointInfo(value),
    identity: Buffer.from(value.buffer, value.byteOffset, value.byteLength).readUInt32LE(layout.identity),
    podMac: mac(layout.pod_mac),
    hostMac: mac(layout.host_mac),
  };
}

/** @param endpoint the endpoint that has the address, or null for an address of the node itself */
export function encodeLocalAddress(endpoint: LocalEndpoint | null): Uint8Array {
  const layout = layouts.local_address;
  const bytes = Buffer.alloc(layout.size);
  if (endpoint === null) {
    bytes.writeUInt32LE(1, layout.identity); // reserved:host
    return bytes;
  }
  bytes.writeUInt32LE(endpoint.ifindex, layout.ifindex);
  bytes.writeUInt32LE(endpoint.identity, layout.identity);
  bytes.writeUInt16LE(endpoint.id, layout.endpoint_id);
  bytes.set(endpoint.podMac, layout.pod_mac);
  bytes.set(endpoint.hostMac, layout.host_mac);
  return bytes;
}

export function encodeIpcacheInfo(identity: number): Uint8Array {
  const bytes = Buffer.alloc(layouts.ipcache_info.size);
  bytes.writeUInt32LE(identity, layouts.ipcache_info.identity);
  return bytes;
}

/** Consecutive ports. */
export interface NatPorts {
  readonly first: number;
  readonly count: number;
}

/** @param addresses 4 and 16 bytes; absent: nothing of that family is translated */
export function encodeMasquerade(
  addresses: { readonly ipv4?: Uint8Array; readonly ipv6?: Uint8Array },
  ports: NatPorts,
): Uint8Array {
  const layout = layouts.masquerade_config;
  const bytes = Buffer.alloc(layout.size);
  if (addresses.ipv4 !== undefined) bytes.set(addresses.ipv4, layout.ipv4);
  if (addresses.ipv6 !== undefined) bytes.set(addresses.ipv6, layout.ipv6);
  bytes.writeUInt16LE(ports.first, layout.first_port);
  bytes.writeUInt16LE(ports.count, layout.ports);
  return bytes;
}

/** A `__u32` key, such as an interface's index. */
export function encodeU32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
