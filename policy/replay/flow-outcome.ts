import { fieldPath } from '../../proto/flow/field-path.ts';
import type { FlowIndex } from '../../proto/flow/flow-index.ts';
import {
  DropReason,
  FlowType,
  TraceReason,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../model.ts';

/** What became of a packet at the end where it was seen. */
export const PASSED = 0;
export const DENIED = 1;
/** Passed, and would have been denied but for audit mode. */
export const AUDITED = 2;

/** Why a flow says nothing about what policies decide. */
export const skipCauses = ['reply', 'exempt', 'otherDrop', 'otherEvent', 'noDirection', 'noPorts'] as const;
export type SkipCause = (typeof skipCauses)[number];

const paths = {
  type: fieldPath('Type'),
  eventType: fieldPath('event_type.type'),
  verdict: fieldPath('verdict'),
  direction: fieldPath('traffic_direction'),
  hasReply: fieldPath('is_reply'),
  isReply: fieldPath('is_reply.value'),
  traceReason: fieldPath('trace_reason'),
  dropReason: fieldPath('drop_reason_desc'),
  oldDropReason: fieldPath('drop_reason'),
  tcpPort: fieldPath('l4.TCP.destination_port'),
  udpPort: fieldPath('l4.UDP.destination_port'),
  sctpPort: fieldPath('l4.SCTP.destination_port'),
  icmpv4Type: fieldPath('l4.ICMPv4.type'),
  icmpv4Code: fieldPath('l4.ICMPv4.code'),
  icmpv6Type: fieldPath('l4.ICMPv6.type'),
};

const EVENT_DROP = 1;
const EVENT_TRACE = 4;
const EVENT_POLICY_VERDICT = 5;
const PROTOCOL_IGMP = 2;
const PROTOCOL_VRRP = 112;
/** Destination unreachable, fragmentation needed: what path MTU discovery lives on. */
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
/** Multicast listener and neighbour discovery messages, version 2 reports among them: no policy may break a link. */
const FIRST_LINK_TYPE = 130;
const LAST_LINK_TYPE = 137;
const LISTENER_REPORT_V2 = 143;

/** Fields that are looked at here, as a field mask has them. */
export const outcomeMask: readonly string[] = [
  'Type',
  'event_type',
  'verdict',
  'traffic_direction',
  'is_reply',
  'trace_reason',
  'drop_reason_desc',
  'drop_reason',
  'l4',
];

/**
 * PASSED, DENIED or AUDITED; -1 - i for a flow that says nothing, i being the place of the reason in `skipCauses`. A flow counts if policies were asked about its packet: in the
 * original direction of its connection, and not dropped for a reason of somebody else's. Whether a forwarded packet was a reply has to be known.
 */
export function outcomeOf(index: FlowIndex): number {
  const event = index.int32(paths.eventType);
  const isPacket =
    event === EVENT_TRACE || event === EVENT_POLICY_VERDICT || event === EVENT_DROP || event === 0;
  const type = index.int32(paths.type);
  if (!isPacket || type === FlowType.L7 || type === FlowType.SOCK) return skipped.otherEvent;
  if (index.bool(paths.isReply)) return skipped.reply;
  const reason = index.int32(paths.traceReason);
  if (reason === TraceReason.REPLY || reason === TraceReason.RELATED) return skipped.reply;
  const outcome = verdictOf(index, event);
  if (outcome < 0) return outcome;
  return index.int32(paths.direction) === TrafficDirection.TRAFFIC_DIRECTION_UNKNOWN
    ? skipped.noDirection
    : outcome;
}

function verdictOf(index: FlowIndex, event: number): number {
  switch (index.int32(paths.verdict)) {
    case Verdict.FORWARDED:
    case Verdict.REDIRECTED:
      return event === EVENT_POLICY_VERDICT || index.has(paths.hasReply) ? PASSED : skipped.noDirection;
    case Verdict.AUDIT:
      return AUDITED;
    case Verdict.DROPPED: {
      const reason = index.int32(paths.dropReason) || index.uint32(paths.oldDropReason);
      const isOfPolicy = reason === DropReason.POLICY_DENIED || reason === DropReason.POLICY_DENY;
      return isOfPolicy ? DENIED : skipped.otherDrop;
    }
    default:
      return skipped.otherEvent;
  }
}

/** Whether the local end is the destination. */
export function isIngress(index: FlowIndex): boolean {
  return index.int32(paths.direction) === TrafficDirection.INGRESS;
}

/**
 * What policies know of the packet above IP: the protocol times 65,536 plus the destination port, or the type of an ICMP message. -1 - i, as above, where that is unknown, or no
 * policy is asked about such packets.
 */
export function l4Of(index: FlowIndex): number {
  switch (index.layer4) {
    case 1:
      return PROTOCOL_TCP * 65_536 + (index.uint32(paths.tcpPort) & 0xffff);
    case 2:
      return PROTOCOL_UDP * 65_536 + (index.uint32(paths.udpPort) & 0xffff);
    case 3: {
      const type = index.uint32(paths.icmpv4Type) & 0xff;
      const isExempt = type === UNREACHABLE && index.uint32(paths.icmpv4Code) === FRAGMENTATION_NEEDED;
      return isExempt ? skipped.exempt : PROTOCOL_ICMP * 65_536 + type;
    }
    case 4: {
      const type = index.uint32(paths.icmpv6Type) & 0xff;
      const isOfLink = (type >= FIRST_LINK_TYPE && type <= LAST_LINK_TYPE) || type === LISTENER_REPORT_V2;
      return isOfLink ? skipped.exempt : PROTOCOL_ICMPV6 * 65_536 + type;
    }
    case 5:
      return PROTOCOL_SCTP * 65_536 + (index.uint32(paths.sctpPort) & 0xffff);
    case 6:
      return PROTOCOL_VRRP * 65_536;
    case 7:
      return PROTOCOL_IGMP * 65_536;
    default:
      return skipped.noPorts;
  }
}

const numberOf = (cause: SkipCause): number => -1 - skipCauses.indexOf(cause);
const skipped = {
  reply: numberOf('reply'),
  exempt: numberOf('exempt'),
  otherDrop: numberOf('otherDrop'),
  otherEvent: numberOf('otherEvent'),
  noDirection: numberOf('noDirection'),
  noPorts: numberOf('noPorts'),
} satisfies Record<SkipCause, number>;
