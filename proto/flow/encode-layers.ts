import {
  type FlowRecord,
  L4_ICMPV4,
  L4_ICMPV6,
  L4_IGMP,
  L4_NONE,
  L4_SCTP,
  L4_TCP,
  L4_UDP,
  L4_VRRP,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_FLAGS_UNTOLD,
  TCP_NS,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from './flow-record.ts';
import { putIpv4Text, putIpv6Text, putMacText } from './put-text.ts';
import { putNumber1, ShortBytes } from './put.ts';

/** Flags in the order of their field numbers in TCPFlags. */
const flagFields = [TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK, TCP_URG, TCP_ECE, TCP_CWR, TCP_NS];

/** The `flags` field of a TCP message, for every combination of flags; the last is none at all. */
const flagsFields = Array.from({ length: TCP_FLAGS_UNTOLD + 1 }, (_, flags) => {
  if (flags === TCP_FLAGS_UNTOLD) return new ShortBytes(new Uint8Array(0));
  const message = flagFields.flatMap((bit, i) => ((flags & bit) !== 0 ? [(i + 1) << 3, 1] : []));
  return new ShortBytes(Uint8Array.of(0x1a, message.length, ...message));
});

const MAC_BYTES = 6;
const MAC_TEXT = 17;

/** Writes the `ethernet` field (4) of a flow. */
export function putEthernet(view: DataView, pos: number, record: FlowRecord): number {
  const { packet, ethernetOffset } = record;
  view.setUint32(pos, 0x22 | ((2 * (2 + MAC_TEXT)) << 8) | (0x0a << 16) | (MAC_TEXT << 24), true);
  pos = putMacText(view, pos + 4, packet, ethernetOffset + MAC_BYTES);
  view.setUint16(pos, 0x12 | (MAC_TEXT << 8), true);
  return putMacText(view, pos + 2, packet, ethernetOffset);
}

/** Writes the `IP` field (5) of a flow: at most 3 · (2 + 39) + 4 bytes of content (an address mapped from IPv4 is shorter), so one byte of length is always enough. */
export function putIp(view: DataView, pos: number, record: FlowRecord): number {
  const { packet, addressOffset, ipVersion } = record;
  const source = pos + 2;
  const isV4 = ipVersion === 1;
  const destination = isV4
    ? putIpv4Text(view, source + 2, packet, addressOffset)
    : putIpv6Text(view, source + 2, packet, addressOffset);
  let end = isV4
    ? putIpv4Text(view, destination + 2, packet, addressOffset + 4)
    : putIpv6Text(view, destination + 2, packet, addressOffset + 16);
  view.setUint16(source, 0x0a | ((destination - source - 2) << 8), true);
  view.setUint16(destination, 0x12 | ((end - destination - 2) << 8), true);
  view.setUint16(end, 0x18 | (ipVersion << 8), true);
  end += 2;
  if (record.encrypted) end = putNumber1(view, end, 0x20, 1);
  if (record.sourceXlated.length > 0) {
    const xlated = end;
    const { sourceXlated } = record;
    end =
      sourceXlated.length === 4
        ? putIpv4Text(view, xlated + 2, sourceXlated, 0)
        : putIpv6Text(view, xlated + 2, sourceXlated, 0);
    view.setUint16(xlated, 0x2a | ((end - xlated - 2) << 8), true);
  }
  view.setUint16(pos, 0x2a | ((end - source) << 8), true);
  return end;
}

/** Writes the fields 1 and 2 of a message, each unless it is 0. */
function putPair(view: DataView, pos: number, first: number, second: number): number {
  if (first !== 0) pos = putNumber1(view, pos, 0x08, first);
  return second === 0 ? pos : putNumber1(view, pos, 0x10, second);
}

/** Writes the `l4` field (6) of a flow, or nothing for a flow without one. Lengths stay far below 128. */
export function putLayer4(view: DataView, pos: number, record: FlowRecord): number {
  if (record.l4 === L4_NONE) return pos;
  const member = pos + 2;
  const start = member + 2;
  const end = putMember(view, start, record);
  view.setUint32(
    pos,
    0x32 | ((end - member) << 8) | (((record.l4 << 3) | 2) << 16) | ((end - start) << 24),
    true,
  );
  return end;
}

function putMember(view: DataView, pos: number, record: FlowRecord): number {
  switch (record.l4) {
    case L4_TCP:
      pos = putPair(view, pos, record.sourcePort, record.destinationPort);
      return flagsFields[record.tcpFlags].put(view, pos);
    case L4_UDP:
      return putPair(view, pos, record.sourcePort, record.destinationPort);
    case L4_SCTP:
      pos = putPair(view, pos, record.sourcePort, record.destinationPort);
      return record.sctpChunk === 0 ? pos : putNumber1(view, pos, 0x18, record.sctpChunk);
    case L4_ICMPV4:
    case L4_ICMPV6:
      return putPair(view, pos, record.icmpType, record.icmpCode);
    case L4_VRRP:
      pos = putPair(view, pos, record.icmpType, record.vrrpRouterId);
      return record.vrrpPriority === 0 ? pos : putNumber1(view, pos, 0x18, record.vrrpPriority);
    case L4_IGMP: {
      const group = putPair(view, pos, record.icmpType, 0);
      if (record.groupOffset < 0) return group;
      const end = putIpv4Text(view, group + 2, record.packet, record.groupOffset);
      view.setUint16(group, 0x12 | ((end - group - 2) << 8), true);
      return end;
    }
    default:
      return pos;
  }
}
