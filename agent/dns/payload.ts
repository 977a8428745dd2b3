const UDP_HEADER_BYTES = 8;
const TCP_HEADER_BYTES = 20;
const IPV4_TOTAL_LENGTH = 2;
const IPV6_HEADER_BYTES = 40;
const IPV6_PAYLOAD_LENGTH = 4;
const UDP_LENGTH = 4;
const TCP_SEQUENCE = 4;
const TCP_DATA_OFFSET = 12;

/** Where an event says that headers are; offsets from the capture's start. */
export interface PacketShape {
  readonly l3Offset: number;
  readonly l4Offset: number;
  readonly isIpv6: boolean;
  readonly isTcp: boolean;
  /** Length of the packet on the wire, from the capture's start on. */
  readonly packetBytes: number;
}

/** What is behind a packet's headers: `[start, end)` was captured, of `sentBytes` that were sent. */
export interface Payload {
  readonly start: number;
  readonly end: number;
  readonly sentBytes: number;
  /** TCP's; 0 for UDP. */
  readonly sequence: number;
}

/** Finds the payload of a UDP datagram or TCP segment in the capture `packet[start, end)`; null when its headers are not all there, or it has none. */
export function findPayload(
  packet: Uint8Array,
  start: number,
  end: number,
  { l3Offset, l4Offset, isIpv6, isTcp, packetBytes }: PacketShape,
): Payload | null {
  const l3 = start + l3Offset;
  const l4 = start + l4Offset;
  if (l4Offset <= l3Offset || l4 + (isTcp ? TCP_HEADER_BYTES : UDP_HEADER_BYTES) > end) return null;
  const headerBytes = isTcp ? (packet[l4 + TCP_DATA_OFFSET] >> 4) * 4 : UDP_HEADER_BYTES;
  const stated = isIpv6
    ? IPV6_HEADER_BYTES + u16(packet, l3 + IPV6_PAYLOAD_LENGTH)
    : u16(packet, l3 + IPV4_TOTAL_LENGTH);
  // A packet above 64 KiB, before it is segmented, states no length.
  const hasLength = stated > (isIpv6 ? IPV6_HEADER_BYTES : 0);
  let sentBytes = (hasLength ? l3Offset + stated : packetBytes) - l4Offset - headerBytes;
  if (!isTcp) {
    // Of a fragmented datagram this is the first part; its own header knows the whole.
    const datagram = u16(packet, l4 + UDP_LENGTH) - UDP_HEADER_BYTES;
    if (datagram > 0) sentBytes = datagram;
  }
  const from = l4 + headerBytes;
  const to = Math.min(end, from + sentBytes);
  if (sentBytes <= 0 || to <= from) return null;
  return {
    start: from,
    end: to,
    sentBytes,
    sequence: isTcp ? (u16(packet, l4 + TCP_SEQUENCE) << 16) | u16(packet, l4 + TCP_SEQUENCE + 2) : 0,
  };
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}
