/** What a packet should be to the datapath, worked out from the RFCs and independently of the programs' own parser. */
export type Reading =
  | { readonly kind: 'not-ip' }
  /** `source` is null if the packet broke off before its addresses. */
  | { readonly kind: 'drop'; readonly reason: string; readonly source: string | null; readonly ipv6: boolean }
  | IpReading;

export interface IpReading {
  readonly kind: 'ip';
  readonly ipv6: boolean;
  /** Hexadecimal, 8 or 32 digits. */
  readonly source: string;
  readonly destination: string;
  readonly vlan: boolean;
  /** Of the last header found. */
  readonly protocol: number;
  readonly l3Offset: number;
  /** 0 = none. */
  readonly l4Offset: number;
  readonly headerEnd: number;
  readonly fragment: 'no' | 'first' | 'later';
  /** Source and destination; null where the protocol has none or they are in another fragment. ICMP: none. */
  readonly ports: readonly [number, number] | null;
  readonly tcpFlags: number;
  /** May come from an endpoint that has no proper address yet. */
  readonly linkLocalOk: boolean;
}

class Broken extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

const minimalL4Bytes = new Map([
  ['tcp', 20],
  ['udp', 8],
  ['sctp', 12],
  ['icmp', 8],
]);

function l4Kind(protocol: number, ipv6: boolean): string {
  if (protocol === 6) return 'tcp';
  if (protocol === 17) return 'udp';
  if (protocol === 132) return 'sctp';
  return protocol === (ipv6 ? 58 : 1) ? 'icmp' : 'other';
}

interface L3 {
  readonly ipv6: boolean;
  readonly protocol: number;
  /** Of what follows the IP headers, and where the IP packet ends. */
  readonly start: number;
  readonly end: number;
  readonly fragment: 'no' | 'first' | 'later';
}

function readIpv4(packet: Buffer, at: number): L3 {
  const words = packet[at] & 0xf;
  const total = packet.readUInt16BE(at + 2);
  if (words < 5 || total < words * 4 || at + total > packet.length) throw new Broken('DROP_INVALID_PACKET');
  const field = packet.readUInt16BE(at + 6);
  const offset = field & 0x1fff;
  const protocol = packet[at + 9];
  const fragment = offset > 0 ? 'later' : (field & 0x2000) !== 0 ? 'first' : 'no';
  if (offset === 1 && protocol === 6) throw new Broken('DROP_INVALID_PACKET');
  return { ipv6: false, protocol, start: at + words * 4, end: at + total, fragment };
}

function readIpv6(packet: Buffer, at: number): L3 {
  const end = at + 40 + packet.readUInt16BE(at + 4);
  if (end > packet.length) throw new Broken('DROP_INVALID_PACKET');
  let protocol = packet[at + 6];
  let start = at + 40;
  let fragment: L3['fragment'] | null = null;
  for (let count = 0; [0, 43, 44, 51, 60].includes(protocol); count++) {
    if (count === 8 || start + 8 > end) throw new Broken('DROP_INVALID_IPV6_EXT');
    if (protocol === 0 && count > 0) throw new Broken('DROP_INVALID_IPV6_EXT');
    const next = packet[start];
    let bytes = (packet[start + 1] + 1) * 8;
    if (protocol === 51) bytes = (packet[start + 1] + 2) * 4;
    let later = false;
    if (protocol === 44) {
      if (fragment !== null) throw new Broken('DROP_INVALID_IPV6_EXT');
      const field = packet.readUInt16BE(start + 2);
      later = field >> 3 > 0;
      fragment = later ? 'later' : (field & 1) !== 0 ? 'first' : 'no';
      bytes = 8;
    }
    start += bytes;
    if (start > end) throw new Broken('DROP_INVALID_IPV6_EXT');
    protocol = next;
    if (later) break;
  }
  return { ipv6: true, protocol, start, end, fragment: fragment ?? 'no' };
}

type L4 = Pick<IpReading, 'headerEnd' | 'ports' | 'tcpFlags' | 'linkLocalOk'>;

function readL4(packet: Buffer, { ipv6, protocol, start, end, fragment }: L3): L4 {
  const kind = l4Kind(protocol, ipv6);
  const bytes = minimalL4Bytes.get(kind) ?? 0;
  if (end - start < bytes) throw new Broken('DROP_CT_INVALID_HEADER');
  if (kind === 'other') return { headerEnd: start, ports: null, tcpFlags: 0, linkLocalOk: false };
  if (kind === 'icmp') {
    const type = packet[start];
    const linkLocalOk = ipv6 && ((type >= 130 && type <= 137) || type === 143);
    return { headerEnd: start + bytes, ports: null, tcpFlags: 0, linkLocalOk };
  }
  const ports: [number, number] = [packet.readUInt16BE(start), packet.readUInt16BE(start + 2)];
  if (kind === 'tcp') {
    const header = (packet[start + 12] >> 4) * 4;
    if (header < 20 || start + header > end) throw new Broken('DROP_CT_INVALID_HEADER');
    return { headerEnd: start + header, ports, tcpFlags: packet[start + 13], linkLocalOk: false };
  }
  let linkLocalOk = false;
  if (kind === 'udp') {
    const length = packet.readUInt16BE(start + 4);
    if (length < 8 || (fragment === 'no' && start + length > end)) throw new Broken('DROP_CT_INVALID_HEADER');
    linkLocalOk = ipv6 ? ports[0] === 546 && ports[1] === 547 : ports[0] === 68 && ports[1] === 67;
  }
  return { headerEnd: start + bytes, ports, tcpFlags: 0, linkLocalOk };
}

/** Reads a packet that is not waiting for segmentation, from its Ethernet header on. */
export function readPacket(bytes: Uint8Array): Reading {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let source: string | null = null;
  let ipv6 = false;
  try {
    let type = packet.readUInt16BE(12);
    let at = 14;
    let vlan = false;
    for (let tags = 0; type === 0x8100 || type === 0x88a8; tags++) {
      if (tags === 2) throw new Broken('DROP_UNSUPPORTED_L3');
      if (at + 4 > packet.length) throw new Broken('DROP_INVALID_PACKET');
      vlan = true;
      type = packet.readUInt16BE(at + 2);
      at += 4;
    }
    if (type !== 0x0800 && type !== 0x86dd) return { kind: 'not-ip' };
    ipv6 = type === 0x86dd;
    if (at + (ipv6 ? 40 : 20) > packet.length) throw new Broken('DROP_INVALID_PACKET');
    if (packet[at] >> 4 !== (ipv6 ? 6 : 4)) throw new Broken('DROP_INVALID_PACKET');
    source = ipv6 ? packet.toString('hex', at + 8, at + 24) : packet.toString('hex', at + 12, at + 16);
    const destination = ipv6
      ? packet.toString('hex', at + 24, at + 40)
      : packet.toString('hex', at + 16, at + 20);
    const l3 = ipv6 ? readIpv6(packet, at) : readIpv4(packet, at);
    const { protocol, fragment, start } = l3;
    const common = { kind: 'ip', ipv6, source, destination, vlan, protocol, l3Offset: at, fragment } as const;
    if (fragment === 'later') {
      return { ...common, l4Offset: 0, headerEnd: start, ports: null, tcpFlags: 0, linkLocalOk: false };
    }
    return { ...common, l4Offset: start, ...readL4(packet, l3) };
  } catch (error) {
    if (error instanceof Broken) return { kind: 'drop', reason: error.reason, source, ipv6 };
    throw error;
  }
}

/** The kernel refuses a test run to a frame that ends inside an IP header right behind Ethernet; behind a VLAN tag it does not look. */
export function testRunRefuses(packet: Uint8Array): boolean {
  if (packet.length < 14) return true;
  const type = (packet[12] << 8) | packet[13];
  return packet.length < 14 + (type === 0x0800 ? 20 : type === 0x86dd ? 40 : 0);
}
