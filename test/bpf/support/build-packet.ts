import { addressBytes, macBytes } from '../../../bench/support/address-bytes.ts';

/**
 * Packets, header by header: each function gives a header followed by its payload, so that a packet reads from the outside in:
 * `ethernet(0x0800, ipv4({ protocol: 6 }, tcp({ flags: SYN })))`. Everything has a sensible default, and anything can be set wrong.
 * L4 checksums are left zero: no program looks at them.
 */

export const PROTO = {
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  none: 59,
  destination: 60,
  sctp: 132,
} as const;
export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  qinq: 0x88a8,
  ipv6: 0x86dd,
  lldp: 0x88cc,
} as const;
export const TCP_FLAG = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10 } as const;

function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Buffer.concat(parts.map((part) => Uint8Array.from(part)));
}

const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** The ones' complement sum of RFC 1071, complemented. Zero over a header that carries its own right checksum. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The default destination is that of device `lo`, on which test runs take place: the kernel then sees its own packet. */
export function ethernet(
  type: number,
  payload: Uint8Array,
  { destination = '00:00:00:00:00:00', source = '02:00:00:00:00:01' } = {},
): Uint8Array {
  return join(macBytes(destination), macBytes(source), u16(type), payload);
}

/** A tag and what is below it; the header above carries ETHERTYPE.vlan or .qinq. */
export function vlanTag(id: number, type: number, payload: Uint8Array): Uint8Array {
  return join(u16(id), u16(type), payload);
}

export function arpRequest(): Uint8Array {
  return join(u16(1), u16(0x0800), [6, 4], u16(1), new Uint8Array(20));
}

export interface Ipv4Options {
  readonly protocol: number;
  readonly source?: string;
  readonly destination?: string;
  readonly ttl?: number;
  readonly id?: number;
  /** In units of eight bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** A multiple of four bytes. */
  readonly options?: Uint8Array;
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalLength?: number;
}

export function ipv4(header: Ipv4Options, payload: Uint8Array): Uint8Array {
  const { source = '10.0.0.1', destination = '10.0.0.2', ttl = 64, id = 0, fragmentOffset = 0 } = header;
  const options = header.options ?? new Uint8Array(0);
  const length = 20 + options.length;
  const bytes = join(
    [((header.version ?? 4) << 4) | (header.headerWords ?? length / 4), 0],
    u16(header.totalLength ?? length + payload.length),
    u16(id),
    u16((header.moreFragments === true ? 0x2000 : 0) | fragmentOffset),
    [ttl, header.protocol, 0, 0],
    addressBytes(source),
    addressBytes(destination),
    options,
  );
  bytes.set(u16(internetChecksum(bytes)), 10);
  return join(bytes, payload);
}

export interface Ipv6Options {
  readonly next: number;
  readonly source?: string;
  readonly destination?: string;
  readonly hopLimit?: number;
  readonly version?: number;
  readonly payloadLength?: number;
}

export function ipv6(header: Ipv6Options, payload: Uint8Array): Uint8Array {
  const { source = 'fd00::1', destination = 'fd00::2', hopLimit = 64 } = header;
  return join(
    [(header.version ?? 6) << 4, 0, 0, 0],
    u16(header.payloadLength ?? payload.length),
    [header.next, hopLimit],
    addressBytes(source),
    addressBytes(destination),
    payload,
  );
}

/** Hop-by-hop, destination or routing header of `units` times eight bytes more than the first eight. */
export function ipv6Extension(next: number, payload: Uint8Array, units = 0): Uint8Array {
  return join([next, units], new Uint8Array(6 + units * 8), payload);
}

/** Authentication header with an integrity value of 12 bytes: 24 in all. */
export function authenticationHeader(next: number, payload: Uint8Array): Uint8Array {
  return join([next, 4], new Uint8Array(22), payload);
}

/** `offset` in units of eight bytes. */
export function ipv6Fragment(
  { next, offset = 0, more = false, id = 0 }: { next: number; offset?: number; more?: boolean; id?: number },
  payload: Uint8Array,
): Uint8Array {
  return join([next, 0], u16((offset << 3) | (more ? 1 : 0)), u32(id), payload);
}

export interface Ports {
  readonly from?: number;
  readonly to?: number;
}

export interface TcpOptions extends Ports {
  readonly flags?: number;
  /** In words of four bytes. */
  readonly dataOffset?: number;
}

export function tcp(
  { from = 40000, to = 80, flags = TCP_FLAG.ack, dataOffset }: TcpOptions,
  payload: Uint8Array = new Uint8Array(0),
  options: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const words = dataOffset ?? (20 + options.length) / 4;
  return join(
    u16(from),
    u16(to),
    u32(1),
    u32(1),
    [words << 4, flags],
    u16(1024),
    u16(0),
    u16(0),
    options,
    payload,
  );
}

export function udp(
  { from = 40000, to = 53, length }: Ports & { length?: number },
  payload: Uint8Array = new Uint8Array(4),
): Uint8Array {
  return join(u16(from), u16(to), u16(length ?? 8 + payload.length), u16(0), payload);
}

export function sctp({ from = 40000, to = 3868, chunk = 0 }: Ports & { chunk?: number }): Uint8Array {
  return join(u16(from), u16(to), u32(0), u32(0), [chunk, 0], u16(4));
}

/** ICMP and ICMPv6 alike. For errors the payload is the packet they are about, from its IP header on. */
export function icmp(
  { type, code = 0, identifier = 0 }: { type: number; code?: number; identifier?: number },
  payload: Uint8Array = new Uint8Array(8),
): Uint8Array {
  return join([type, code], u16(0), u16(identifier), u16(1), payload);
}
