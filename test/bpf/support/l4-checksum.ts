import { internetChecksum, PROTO } from './build-packet.ts';

const ETHERNET_BYTES = 14;

interface L4 {
  readonly protocol: number;
  readonly checksumAt: number;
  /** Pseudo header and message, whose sum the checksum makes zero. */
  readonly covered: Uint8Array;
}

/** L4 of a frame without tags, options or extension headers. Fragments have none. */
function l4Of(frame: Uint8Array): L4 {
  const isIpv6 = frame[ETHERNET_BYTES] >> 4 === 6;
  const protocol = frame[ETHERNET_BYTES + (isIpv6 ? 6 : 9)];
  const [addressesAt, addressesEnd] = isIpv6 ? [22, 54] : [26, 34];
  const message = frame.subarray(addressesEnd);
  const offset = { [PROTO.tcp]: 16, [PROTO.udp]: 6, [PROTO.icmp]: 2, [PROTO.icmpv6]: 2 }[protocol];
  if (offset === undefined) throw new Error(`protocol ${protocol} has no checksum here`);
  const pseudo = [
    ...frame.subarray(addressesAt, addressesEnd),
    0,
    protocol,
    message.length >> 8,
    message.length & 0xff,
  ];
  const covered = Uint8Array.from([...(protocol === PROTO.icmp ? [] : pseudo), ...message]);
  return { protocol, checksumAt: addressesEnd + offset, covered };
}

/** The frame with its L4 checksum filled in. */
export function sealed(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  const { checksumAt, covered, protocol } = l4Of(copy);
  const sum = internetChecksum(covered);
  const value = sum === 0 && protocol === PROTO.udp ? 0xffff : sum;
  copy.set([value >> 8, value & 0xff], checksumAt);
  return copy;
}

/** Whether the frame's L4 checksum is right, and IPv4's, too. */
export function isSealed(frame: Uint8Array): boolean {
  const isIpv4 = frame[ETHERNET_BYTES] >> 4 === 4;
  if (isIpv4 && internetChecksum(frame.subarray(ETHERNET_BYTES, ETHERNET_BYTES + 20)) !== 0) return false;
  return internetChecksum(l4Of(frame).covered) === 0;
}
