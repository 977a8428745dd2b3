import {
  type FlowRecord,
  L4_ICMPV4,
  L4_ICMPV6,
  L4_NONE,
  L4_SCTP,
  L4_TCP,
  L4_UDP,
} from '../../proto/flow/flow-record.ts';

const IPPROTO_ICMP = 1;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_SCTP = 132;

const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const SCTP_HEADER_BYTES = 12;

/** flow.SCTPChunkType by the chunk type of RFC 9260 section 3.2; 0 for the others. */
const sctpChunks: Readonly<Record<number, number>> = { 1: 1, 2: 2, 6: 6, 7: 3, 8: 4, 14: 5 };

/**
 * Fills the record's layers from captured bytes `packet[start, end)`: the programs have found the headers, so only bounds are left to check.
 * What was not captured is left out. Returns false when an offset lies outside the capture in a way that only a broken record explains.
 */
export function decodePacket(
  record: FlowRecord,
  packet: Uint8Array,
  start: number,
  end: number,
  hasEthernet: boolean,
  isIpv6: boolean,
  l3Offset: number,
  l4Offset: number,
  l4Proto: number,
): boolean {
  record.packet = packet;
  record.ethernetOffset = hasEthernet && end - start >= ETHERNET_BYTES ? start : -1;
  record.ipVersion = 0;
  record.l4 = L4_NONE;
  record.sourcePort = 0;
  record.destinationPort = 0;
  record.tcpFlags = 0;
  record.sctpChunk = 0;
  if (l3Offset > 0 || !hasEthernet) {
    if (l4Offset > 0 && l4Offset < l3Offset) return false;
    const header = start + l3Offset;
    const addresses = header + (isIpv6 ? 8 : 12);
    if (addresses + (isIpv6 ? 32 : 8) <= end && isIpHeader(packet, header, hasEthernet, isIpv6)) {
      record.ipVersion = isIpv6 ? 2 : 1;
      record.addressOffset = addresses;
    }
  }
  if (l4Offset > 0 && record.ipVersion !== 0) decodeLayer4(record, packet, start + l4Offset, end, l4Proto);
  return true;
}

/**
 * Whether an IP header of the version that the event states stands there. A dropped packet may have none: its event says where one was expected, and
 * states no version.
 */
function isIpHeader(packet: Uint8Array, at: number, hasEthernet: boolean, isIpv6: boolean): boolean {
  if (packet[at] >> 4 !== (isIpv6 ? 6 : 4)) return false;
  if (!hasEthernet) return true;
  return ((packet[at - 2] << 8) | packet[at - 1]) === (isIpv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
}

function decodeLayer4(record: FlowRecord, packet: Uint8Array, at: number, end: number, proto: number): void {
  switch (proto) {
    case IPPROTO_TCP:
      if (at + 14 > end) return;
      record.l4 = L4_TCP;
      decodePorts(record, packet, at);
      record.tcpFlags = packet[at + 13] | ((packet[at + 12] & 1) << 8);
      return;
    case IPPROTO_UDP:
      if (at + 4 > end) return;
      record.l4 = L4_UDP;
      decodePorts(record, packet, at);
      return;
    case IPPROTO_SCTP:
      if (at + 4 > end) return;
      record.l4 = L4_SCTP;
      decodePorts(record, packet, at);
      if (at + SCTP_HEADER_BYTES < end) record.sctpChunk = sctpChunks[packet[at + SCTP_HEADER_BYTES]] ?? 0;
      return;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      // One family's ICMP in the other's packets is no ICMP to anybody.
      if (at + 2 > end || (proto === IPPROTO_ICMPV6) !== (record.ipVersion === 2)) return;
      record.l4 = proto === IPPROTO_ICMP ? L4_ICMPV4 : L4_ICMPV6;
      record.icmpType = packet[at];
      record.icmpCode = packet[at + 1];
      return;
  }
}

function decodePorts(record: FlowRecord, packet: Uint8Array, at: number): void {
  record.sourcePort = (packet[at] << 8) | packet[at + 1];
  record.destinationPort = (packet[at + 2] << 8) | packet[at + 3];
}
