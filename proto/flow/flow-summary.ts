import {
  type FlowRecord,
  L4_ICMPV4,
  L4_ICMPV6,
  L4_IGMP,
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
import { ShortBytes } from './put.ts';
import { icmpv4Summary, icmpv6Summary, igmpSummary, vrrpSummary } from './icmp-text.ts';

/** Flags in the order in which a summary lists them. */
const summaryFlags: readonly (readonly [number, string])[] = [
  [TCP_SYN, 'SYN'],
  [TCP_ACK, 'ACK'],
  [TCP_RST, 'RST'],
  [TCP_FIN, 'FIN'],
  [TCP_PSH, 'PSH'],
  [TCP_URG, 'URG'],
  [TCP_ECE, 'ECE'],
  [TCP_CWR, 'CWR'],
  [TCP_NS, 'NS'],
];

/** Summary of a TCP packet: `TCP Flags: SYN, ACK`. */
export function tcpSummary(flags: number): string {
  const names = summaryFlags.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return `TCP Flags: ${names.join(', ')}`;
}

/** A whole `Summary` field, number 100000. Summaries are shorter than 128 bytes. */
function summaryField(text: string): ShortBytes {
  const bytes = new TextEncoder().encode(text);
  return new ShortBytes(Uint8Array.of(0x82, 0xea, 0x30, bytes.length, ...bytes));
}

const tcpSummaries = Array.from({ length: 512 }, (_, flags) => summaryField(tcpSummary(flags)));
const udpSummary = summaryField('UDP');
const sctpSummary = summaryField('SCTP');
const ipv4Summary = summaryField('IPv4');
const ipv6Summary = summaryField('IPv6');
const ethernetSummary = summaryField('Ethernet');
/** Summaries of protocols with a type and perhaps a code, by these and the protocol. */
const typedSummaries = new Map<number, ShortBytes>();

function typedSummary({ l4, icmpType, icmpCode }: FlowRecord): string {
  switch (l4) {
    case L4_ICMPV4:
      return icmpv4Summary(icmpType, icmpCode);
    case L4_ICMPV6:
      return icmpv6Summary(icmpType, icmpCode);
    case L4_VRRP:
      return vrrpSummary(icmpType);
    default:
      return igmpSummary(icmpType);
  }
}

function typedSummaryField(record: FlowRecord): ShortBytes {
  const key = (record.l4 << 16) | (record.icmpType << 8) | record.icmpCode;
  let field = typedSummaries.get(key);
  if (field === undefined) {
    field = summaryField(typedSummary(record));
    typedSummaries.set(key, field);
  }
  return field;
}

/** The `Summary` field of a packet's flow, encoded: protocol and what is telling about it, or the innermost layer known. */
export function encodedSummary(record: FlowRecord): ShortBytes {
  switch (record.l4) {
    case L4_TCP:
      return tcpSummaries[record.tcpFlags & 511];
    case L4_UDP:
      return udpSummary;
    case L4_SCTP:
      return sctpSummary;
    case L4_ICMPV4:
    case L4_ICMPV6:
    case L4_VRRP:
    case L4_IGMP:
      return typedSummaryField(record);
    default:
      return record.ipVersion === 1 ? ipv4Summary : record.ipVersion === 2 ? ipv6Summary : ethernetSummary;
  }
}
