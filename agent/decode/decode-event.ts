import { create, toBinary } from '@bufbuild/protobuf';
import { type FlowRecord, REPLY_NO, REPLY_UNKNOWN, REPLY_YES } from '../../proto/flow/flow-record.ts';
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
  EVENT_FLAG_NO_L2,
  EVENT_TYPE_DROP,
  EVENT_TYPE_L7,
  EVENT_TYPE_TRACE,
  FLOW_EVENT_BYTES,
  flowEventLayout as layout,
  SOURCE_FILES,
  TRACE_FROM_NETWORK,
  TRACE_REASON_REPLY,
  TRACE_REASON_UNKNOWN,
  TRACE_TO_ENDPOINT,
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
    if (type !== EVENT_TYPE_TRACE && type !== EVENT_TYPE_DROP && type !== EVENT_TYPE_L7) return false;
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
    this.setEvent(u8, offset, type, u32[word + 9], u32[word + 7], u32[word + 8], u32[word + 10] & 0xffff);
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
    sourceLine: number,
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
      record.trafficDirection = dropDirection(endpointIds);
      record.file = this.file(u8[offset + layout.source_file], sourceLine);
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
