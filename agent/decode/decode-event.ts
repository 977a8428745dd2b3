import { create, toBinary } from '@bufbuild/protobuf';
import {
  type FlowRecord,
  L4_ICMPV4,
  L4_NONE,
  REPLY_NO,
  REPLY_UNKNOWN,
  REPLY_YES,
} from '../../proto/flow/flow-record.ts';
import {
  FileInfoSchema,
  TraceObservationPoint,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import type { Enrichment } from '../enrich/enrichment.ts';
import { IDENTITY_HOST } from '../enrich/reserved-identity.ts';
import { decodePacket } from './decode-packet.ts';
import {
  EVENT_FLAG_IPV6,
  EVENT_FLAG_MASQUERADED,
  EVENT_FLAG_NO_L2,
  EVENT_TYPE_DROP,
  EVENT_TYPE_L7,
  EVENT_TYPE_POLICY_VERDICT,
  EVENT_TYPE_TRACE,
  FLOW_EVENT_BYTES,
  flowEventLayout as layout,
  SOURCE_FILES,
  TRACE_FROM_NETWORK,
  TRACE_REASON_REPLY,
  TRACE_REASON_UNKNOWN,
  TRACE_TO_ENDPOINT,
  VERDICT_AUDITED,
  VERDICT_EGRESS,
  VERDICT_INGRESS,
  VERDICT_MATCH_TYPE_SHIFT,
  VERDICT_REASON_SHIFT,
} from './event-layout.ts';

const NOTHING = new Uint8Array(0);

/** Turns one perf sample after the other into the same FlowRecord, with names from the enrichment tables. */
export class EventDecoder {
  /** The record that `decode` fills. Its packet bytes are valid only while the sample is. */
  readonly record: FlowRecord;
  private readonly enrichment: Enrichment;
  private readonly files = new Map<number, Uint8Array>();

  constructor(record: FlowRecord, enrichment: Enrichment) {
    this.record = record;
    this.enrichment = enrichment;
  }

  /**
   * Decodes the sample `u8[offset, offset + length)`; time is the caller's part, and so is what an L7 event carries: of that the record gets packet and ends.
   * Returns false for bytes that are no event of the programs: the record is then of no use.
   */
  decode(u8: Uint8Array, u32: Uint32Array, offset: number, length: number): boolean {
    if (length < FLOW_EVENT_BYTES) return false;
    const word = offset >> 2;
    const captured = u32[word + 3] & 0xffff;
    const type = u8[offset + layout.type];
    const start = offset + FLOW_EVENT_BYTES;
    if (captured > length - FLOW_EVENT_BYTES) return false;
    if (!isKnownType(type)) return false;
    const flags = u8[offset + layout.flags];
    const isIpv6 = (flags & EVENT_FLAG_IPV6) !== 0;
    const offsets = u32[word + 5];
    const decoded = decodePacket(
      this.record,
      u8,
      start,
      start + captured,
      (flags & EVENT_FLAG_NO_L2) === 0,
      isIpv6,
      offsets & 0xffff,
      offsets >>> 16,
      u8[offset + layout.l4_proto],
    );
    if (!decoded) return false;
    this.setEnds(u32, word, isIpv6);
    this.record.sourceXlated =
      (flags & EVENT_FLAG_MASQUERADED) === 0 ? NOTHING : this.enrichment.masqueradeAddress(isIpv6);
    if (type === EVENT_TYPE_POLICY_VERDICT) {
      this.setVerdict(u32[word + 10] >>> 16, u32[word + 11]);
    } else {
      this.record.policies = NOTHING;
      this.record.policyMatchType = 0;
      this.setEvent(u8, offset, type, u32[word + 9], u32[word + 7], u32[word + 8], u32[word + 10]);
    }
    this.record.networkInterface =
      type === EVENT_TYPE_TRACE ? this.enrichment.networkInterface(u32[word + 6]) : NOTHING;
    return true;
  }

  private setEnds(u32: Uint32Array, word: number, isIpv6: boolean): void {
    const { record, enrichment } = this;
    const sourceIdentity = u32[word + 7];
    const destinationIdentity = u32[word + 8];
    const sourceId = u32[word + 9] & 0xffff;
    const destinationId = u32[word + 9] >>> 16;
    record.sourceNames = NOTHING;
    record.destinationNames = NOTHING;
    if (record.ipVersion === 0) {
      record.source = enrichment.endpointByIdentity(sourceId, sourceIdentity);
      record.destination = enrichment.endpointByIdentity(destinationId, destinationIdentity);
      record.sourceService = NOTHING;
      record.destinationService = NOTHING;
      return;
    }
    const { packet, addressOffset: from } = record;
    const to = from + (isIpv6 ? 16 : 4);
    const source = enrichment.find(packet, from, isIpv6, sourceId);
    const destination = enrichment.find(packet, to, isIpv6, destinationId);
    record.source = enrichment.endpoint(source, sourceId, sourceIdentity);
    record.destination = enrichment.endpoint(destination, destinationId, destinationIdentity);
    record.sourceService = NOTHING;
    record.destinationService = NOTHING;
    // An endpoint's address is no service's, and needs no other name.
    if (source === undefined) {
      record.sourceService = enrichment.service(packet, from, isIpv6, record.sourcePort);
      if (destinationId !== 0) {
        const seconds = secondsOf(u32, word);
        record.sourceNames = enrichment.dnsNames.source(destinationId, packet, from, isIpv6, seconds);
      }
    }
    if (destination === undefined) {
      record.destinationService = enrichment.service(packet, to, isIpv6, record.destinationPort);
      if (sourceId !== 0) {
        const seconds = secondsOf(u32, word);
        record.destinationNames = enrichment.dnsNames.destination(sourceId, packet, to, isIpv6, seconds);
      }
    }
  }

  private setEvent(
    u8: Uint8Array,
    offset: number,
    type: number,
    endpointIds: number,
    sourceIdentity: number,
    destinationIdentity: number,
    lineAndPolicy: number,
  ): void {
    const { record } = this;
    const subType = u8[offset + layout.sub_type];
    record.eventType = type;
    record.eventSubType = subType;
    if (type === EVENT_TYPE_DROP) {
      record.verdict = Verdict.DROPPED;
      record.dropReason = subType;
      record.observationPoint = 0;
      record.traceReason = 0;
      record.encrypted = false;
      record.isReply = REPLY_UNKNOWN;
      record.trafficDirection = directionOf(lineAndPolicy >>> 16) ?? dropDirection(endpointIds);
      record.file = this.file(u8[offset + layout.source_file], lineAndPolicy & 0xffff);
      return;
    }
    const reason = u8[offset + layout.trace_reason];
    const state = reason & 0x7f;
    record.verdict = Verdict.FORWARDED;
    record.dropReason = 0;
    record.file = NOTHING;
    record.encrypted = (reason & 0x80) !== 0;
    // Only to-endpoint has another number in the API, where 0 means "no trace event".
    record.observationPoint = subType === TRACE_TO_ENDPOINT ? TraceObservationPoint.TO_ENDPOINT : subType;
    record.traceReason =
      state < TRACE_REASON_UNKNOWN ? state + 1 : state === TRACE_REASON_UNKNOWN ? 0 : state;
    record.isReply =
      state >= TRACE_REASON_UNKNOWN ? REPLY_UNKNOWN : state === TRACE_REASON_REPLY ? REPLY_YES : REPLY_NO;
    record.trafficDirection =
      record.isReply === REPLY_UNKNOWN
        ? TrafficDirection.TRAFFIC_DIRECTION_UNKNOWN
        : traceDirection(
            subType,
            endpointIds,
            sourceIdentity,
            destinationIdentity,
            record.isReply === REPLY_YES,
          );
  }

  /** @param policy VERDICT_* bits */
  private setVerdict(policy: number, cookie: number): void {
    const { record } = this;
    const reason = policy >>> VERDICT_REASON_SHIFT;
    const isAudited = (policy & VERDICT_AUDITED) !== 0;
    const isIngress = (policy & VERDICT_INGRESS) !== 0;
    record.eventType = EVENT_TYPE_POLICY_VERDICT;
    record.eventSubType = 0;
    record.dropReason = reason;
    record.policyMatchType = (policy >> VERDICT_MATCH_TYPE_SHIFT) & 7;
    record.trafficDirection = directionOf(policy) ?? TrafficDirection.TRAFFIC_DIRECTION_UNKNOWN;
    record.observationPoint = 0;
    record.traceReason = 0;
    record.encrypted = false;
    record.file = NOTHING;
    record.isReply = reason === 0 ? REPLY_NO : REPLY_UNKNOWN;
    if (isAudited) record.verdict = Verdict.AUDIT;
    else record.verdict = reason === 0 ? Verdict.FORWARDED : Verdict.DROPPED;
    const isAllowed = reason === 0 && !isAudited;
    // As Cilium: not for what has no ports, nor for ICMP's type 0, which stands for all types.
    const isNamed = record.l4 !== L4_NONE && !(record.l4 === L4_ICMPV4 && record.icmpType === 0);
    const list = isAllowed
      ? isIngress
        ? 'ingressAllowedBy'
        : 'egressAllowedBy'
      : isIngress
        ? 'ingressDeniedBy'
        : 'egressDeniedBy';
    record.policies = isNamed ? this.enrichment.policyNames.fields(cookie, list) : NOTHING;
  }

  private file(index: number, line: number): Uint8Array {
    if (index === 0) return NOTHING;
    const key = index * 65536 + line;
    let bytes = this.files.get(key);
    if (bytes === undefined) {
      bytes = toBinary(FileInfoSchema, create(FileInfoSchema, { name: SOURCE_FILES[index] ?? '', line }));
      this.files.set(key, bytes);
    }
    return bytes;
  }
}

function isKnownType(type: number): boolean {
  return (
    type === EVENT_TYPE_TRACE ||
    type === EVENT_TYPE_DROP ||
    type === EVENT_TYPE_POLICY_VERDICT ||
    type === EVENT_TYPE_L7
  );
}

/** The direction that a policy's event states; null when it states none. */
function directionOf(policy: number): TrafficDirection | null {
  if ((policy & VERDICT_INGRESS) !== 0) return TrafficDirection.INGRESS;
  return (policy & VERDICT_EGRESS) !== 0 ? TrafficDirection.EGRESS : null;
}

/** When the event was written, by the kernel's clock. */
function secondsOf(u32: Uint32Array, word: number): number {
  return (u32[word + 1] * 4_294_967_296 + u32[word]) / 1e9;
}

/** A drop is egress when the local endpoint is the packet's source, ingress when it is the destination. */
function dropDirection(endpointIds: number): TrafficDirection {
  if ((endpointIds & 0xffff) !== 0) return TrafficDirection.EGRESS;
  return endpointIds >>> 16 !== 0 ? TrafficDirection.INGRESS : TrafficDirection.TRAFFIC_DIRECTION_UNKNOWN;
}

/**
 * Direction of the connection as its local end sees it: a reply runs against it. The local end is the receiver at points that deliver or receive,
 * else whichever end is an endpoint of this node, or the node itself; the sender when both are.
 */
function traceDirection(
  point: number,
  endpointIds: number,
  sourceIdentity: number,
  destinationIdentity: number,
  isReply: boolean,
): TrafficDirection {
  let localIsSource: boolean;
  if (point === TRACE_TO_ENDPOINT || point === TRACE_FROM_NETWORK) localIsSource = false;
  else if ((endpointIds & 0xffff) !== 0 || sourceIdentity === IDENTITY_HOST) localIsSource = true;
  else if (endpointIds >>> 16 !== 0 || destinationIdentity === IDENTITY_HOST) localIsSource = false;
  else return TrafficDirection.TRAFFIC_DIRECTION_UNKNOWN;
  return localIsSource !== isReply ? TrafficDirection.EGRESS : TrafficDirection.INGRESS;
}
