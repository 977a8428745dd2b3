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
  TCP_NS,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from './flow-record.ts';
import { putIpv4Text, putIpv6Text, putMacText } from './put-text.ts';
import { putBytes, putVarint } from './wire.ts';

/** Flags in the order of their field numbers in TCPFlags. */
const flagFields = [TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK, TCP_URG, TCP_ECE, TCP_CWR, TCP_NS];

/** The TCPFlags message of every combination of flags. */
const flagMessages = Array.from({ length: 512 }, (_, flags) =>
  Uint8Array.from(flagFields.flatMap((bit, i) => ((flags & bit) !== 0 ? [(i + 1) << 3, 1] : []))),
);

const MAC_BYTES = 6;
const MAC_TEXT = 17;

/** Writes the `ethernet` field (4) of a flow. */
export function putEthernet(out: Uint8Array, pos: number, record: FlowRecord): number {
  const at = record.ethernetOffset;
  out[pos] = 0x22;
  out[pos + 1] = 2 * (2 + MAC_TEXT);
  out[pos + 2] = 0x0a;
  out[pos + 3] = MAC_TEXT;
  pos = putMacText(out, pos + 4, record.packet, at + MAC_BYTES);
  out[pos] = 0x12;
  out[pos + 1] = MAC_TEXT;
  return putMacText(out, pos + 2, record.packet, at);
}

/** Writes the `IP` field (5) of a flow: at most 2 · (2 + 45) + 4 bytes of content, so one byte of length is always enough. */
export function putIp(out: Uint8Array, pos: number, record: FlowRecord): number {
  out[pos] = 0x2a;
  const start = pos + 2;
  const v4 = record.ipVersion === 1;
  const putText = v4 ? putIpv4Text : putIpv6Text;
  out[start] = 0x0a;
  let end = putText(out, start + 2, record.packet, record.addressOffset);
  out[start + 1] = end - start - 2;
  const destination = end;
  out[destination] = 0x12;
  end = putText(out, destination + 2, record.packet, record.addressOffset + (v4 ? 4 : 16));
  out[destination + 1] = end - destination - 2;
  out[end] = 0x18;
  out[end + 1] = record.ipVersion;
  end += 2;
  if (record.encrypted) {
    out[end] = 0x20;
    out[end + 1] = 1;
    end += 2;
  }
  out[pos + 1] = end - start;
  return end;
}

function putPair(out: Uint8Array, pos: number, first: number, second: number): number {
  if (first !== 0) {
    out[pos] = 0x08;
    pos = putVarint(out, pos + 1, first);
  }
  if (second !== 0) {
    out[pos] = 0x10;
    pos = putVarint(out, pos + 1, second);
  }
  return pos;
}

/** Writes the `l4` field (6) of a flow, or nothing for a flow without one. Lengths stay far below 128. */
export function putLayer4(out: Uint8Array, pos: number, record: FlowRecord): number {
  if (record.l4 === L4_NONE) return pos;
  out[pos] = 0x32;
  const member = pos + 2;
  out[member] = (record.l4 << 3) | 2;
  let end = member + 2;
  switch (record.l4) {
    case L4_TCP: {
      end = putPair(out, end, record.sourcePort, record.destinationPort);
      const flags = flagMessages[record.tcpFlags & 511];
      out[end] = 0x1a;
      out[end + 1] = flags.length;
      end = putBytes(out, end + 2, flags);
      break;
    }
    case L4_UDP:
      end = putPair(out, end, record.sourcePort, record.destinationPort);
      break;
    case L4_SCTP:
      end = putPair(out, end, record.sourcePort, record.destinationPort);
      if (record.sctpChunk !== 0) {
        out[end] = 0x18;
        out[end + 1] = record.sctpChunk;
        end += 2;
      }
      break;
    case L4_ICMPV4:
    case L4_ICMPV6:
      end = putPair(out, end, record.icmpType, record.icmpCode);
      break;
    case L4_VRRP:
      end = putPair(out, end, record.icmpType, record.vrrpRouterId);
      if (record.vrrpPriority !== 0) {
        out[end] = 0x18;
        end = putVarint(out, end + 1, record.vrrpPriority);
      }
      break;
    case L4_IGMP:
      end = putPair(out, end, record.icmpType, 0);
      if (record.groupOffset >= 0) {
        const text = end + 2;
        out[end] = 0x12;
        end = putIpv4Text(out, text, record.packet, record.groupOffset);
        out[text - 1] = end - text;
      }
      break;
  }
  out[member + 1] = end - member - 2;
  out[pos + 1] = end - member;
  return end;
}
