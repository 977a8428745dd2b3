/** Which member of Layer4 a flow has; the values are the field numbers in Layer4. */
export const L4_NONE = 0;
export const L4_TCP = 1;
export const L4_UDP = 2;
export const L4_ICMPV4 = 3;
export const L4_ICMPV6 = 4;
export const L4_SCTP = 5;
export const L4_VRRP = 6;
export const L4_IGMP = 7;

/** TCP flag bits as they stand in the header (RFC 9293), NS being the low bit of the byte before. */
export const TCP_FIN = 1 << 0;
export const TCP_SYN = 1 << 1;
export const TCP_RST = 1 << 2;
export const TCP_PSH = 1 << 3;
export const TCP_ACK = 1 << 4;
export const TCP_URG = 1 << 5;
export const TCP_ECE = 1 << 6;
export const TCP_CWR = 1 << 7;
export const TCP_NS = 1 << 8;
/** Instead of all of these: the flow tells of no flags. */
export const TCP_FLAGS_UNTOLD = 1 << 9;

/** Tri-state of `Flow.is_reply`. */
export const REPLY_UNKNOWN = -1;
export const REPLY_NO = 0;
export const REPLY_YES = 1;

const NOTHING = new Uint8Array(0);

/**
 * One flow on its way from decoder to encoder: a struct that both reuse for every flow, so that the hot path allocates nothing. Text that
 * repeats comes as bytes encoded once by whoever knows it; what differs per packet comes as numbers and positions in `packet`.
 */
export class FlowRecord {
  /** Wall-clock time of the event. */
  seconds = 0;
  nanos = 0;
  /** flow.Verdict */
  verdict = 0;
  /** flow.DropReason; 0 = not dropped */
  dropReason = 0;
  /** Captured packet bytes that the offsets below point into. */
  packet: Uint8Array = NOTHING;
  /** Where the Ethernet header starts, or -1: no ethernet. Destination MAC first, then source. */
  ethernetOffset = -1;
  /** flow.IPVersion; 0 = no IP layer */
  ipVersion = 0;
  /** Where the source address stands; the destination address follows it in both families. */
  addressOffset = 0;
  encrypted = false;
  /** The 4 or 16 bytes of the source address that the packet leaves with, after masquerading; empty if it keeps its own. */
  sourceXlated: Uint8Array = new Uint8Array(0);
  /** L4_* */
  l4 = L4_NONE;
  sourcePort = 0;
  destinationPort = 0;
  /** TCP_* bits, or TCP_FLAGS_UNTOLD */
  tcpFlags = 0;
  /** Type of an ICMP, VRRP or IGMP message, and code of an ICMP one. */
  icmpType = 0;
  icmpCode = 0;
  vrrpRouterId = 0;
  vrrpPriority = 0;
  /** Where the group's IPv4 address stands in an IGMP message, or -1: none. */
  groupOffset = -1;
  /** flow.SCTPChunkType */
  sctpChunk = 0;
  /** `Endpoint` messages, encoded. */
  source: Uint8Array = NOTHING;
  destination: Uint8Array = NOTHING;
  /** Whole `source_names` fields, tags included, encoded; empty = none. The same for the destination. */
  sourceNames: Uint8Array = NOTHING;
  destinationNames: Uint8Array = NOTHING;
  /** Monitor event type and sub-type. */
  eventType = 0;
  eventSubType = 0;
  /** `Service` messages, encoded; empty = none. */
  sourceService: Uint8Array = NOTHING;
  destinationService: Uint8Array = NOTHING;
  /** flow.TrafficDirection */
  trafficDirection = 0;
  policyMatchType = 0;
  /** flow.TraceObservationPoint (proto numbering) */
  observationPoint = 0;
  /** REPLY_* */
  isReply: number = REPLY_UNKNOWN;
  /** `NetworkInterface` message, encoded; empty = none. */
  networkInterface: Uint8Array = NOTHING;
  proxyPort = 0;
  /** flow.AuthType */
  authType = 0;
  /** flow.TraceReason (proto numbering) */
  traceReason = 0;
  /** `FileInfo` message, encoded; empty = none. */
  file: Uint8Array = NOTHING;
  /** `Layer7` message, encoded; empty = a flow of a packet. */
  layer7: Uint8Array = NOTHING;
  /** `Summary` of a flow with `layer7`, encoded. */
  summary: Uint8Array = NOTHING;
  /** Whole policy list fields (21001 to 21006), tags included, in order, encoded; empty = none. */
  policies: Uint8Array = NOTHING;
}
