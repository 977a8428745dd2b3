import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FieldTable } from '../../proto/flow/field-table.ts';
import { FLOW_FIELDS_LIMIT } from '../../proto/flow/field-path.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from '../../proto/flow/peek-flow.ts';
import { WireError } from '../../proto/flow/wire.ts';
import {
  CiliumEventTypeSchema,
  FlowSchema,
  IPSchema,
  Layer4Schema,
  TCPSchema,
} from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { endpointPart } from './endpoint-part.ts';
import { FixedPartsMemo, type FlowNumbers, networkPart, tcpFlagsParts } from './fixed-parts.ts';
import { F } from './flow-fields.ts';
import { FragmentMemo } from '../../proto/flow/json/fragment-memo.ts';
import { type JsonBytes, jsonBytes } from '../../proto/flow/json/json-bytes.ts';
import { emitterPart, interfacePart, nodePart, servicePart } from './known-parts.ts';
import { Layer7Part } from './layer7-part.ts';
import {
  boolValue,
  hasText,
  int32At,
  readTime,
  scanOrClear,
  tcpFlagsOf,
  uintAt,
  writeList,
} from './message-reader.ts';
import { noticeJson } from './notice.ts';
import { RulesPart, writeTraceId } from './rules-part.ts';
import { TimeText } from './time-text.ts';

const L4_TCP = 1;

/** Members of Layer4 that have ports. */
const PORTS = [false, true, true, false, false, true];
const L4_ICMPV4 = 3;
const L4_ICMPV6 = 4;

const COMMA = 0x2c;
const QUOTE = 0x22;

const part = {
  timestamp: jsonBytes('{"@timestamp":"'),
  source: jsonBytes('"source":{'),
  destination: jsonBytes('"destination":{'),
  ip: jsonBytes('"ip":'),
  port: jsonBytes('"port":'),
  domain: jsonBytes('"domain":'),
  nat: jsonBytes('"nat":{"ip":'),
  duration: jsonBytes(',"duration":'),
  closeComma: jsonBytes('},'),
  sluiceSource: jsonBytes(',"source":'),
  sluiceDestination: jsonBytes(',"destination":'),
  service: jsonBytes(',"service":'),
  serviceAlone: jsonBytes('{"service":'),
  close: jsonBytes('}'),
  end: jsonBytes('}}'),
  encrypted: jsonBytes(',"encrypted":true'),
  proxyPort: jsonBytes(',"proxy_port":'),
  icmpType: jsonBytes(',"icmp":{"type":'),
  icmpCode: jsonBytes(',"code":'),
} as const;

/** Longest document for a message of so many bytes: escapes take six bytes for one, and names of ends stand in two places. */
const maxBytes = (messageBytes: number): number => 16 * messageBytes + 4096;

/**
 * Writes GetFlowsResponse messages as documents with the field names of ECS, straight from the wire format. What recurs (ends, nodes, interfaces, policies, sets of numbers) is remembered as JSON by the bytes that it
 * came in. docs/elasticsearch.md has the fields.
 */
export class DocumentWriter {
  /** Where the uuid of the message that was written last stands; equal when it has none. */
  uuidStart = 0;
  uuidEnd = 0;
  private readonly peek = createFlowPeek();
  private readonly flow = new FieldTable(FlowSchema, FLOW_FIELDS_LIMIT);
  private readonly ip = new FieldTable(IPSchema, 6);
  private readonly layer4 = new FieldTable(Layer4Schema, 8);
  /** Of every member of Layer4: those that have no ports have their type and code as the same fields. */
  private readonly ports = new FieldTable(TCPSchema, 4);
  private readonly eventType = new FieldTable(CiliumEventTypeSchema, 3);
  private readonly layer7 = new Layer7Part();
  private readonly time = new TimeText();
  private readonly stamp = { seconds: 0, nanos: 0 };
  private readonly fixedParts = new FixedPartsMemo();
  private readonly endpoints = new FragmentMemo(65_536, endpointPart);
  private readonly nodes = new FragmentMemo(8192, nodePart);
  private readonly emitters = new FragmentMemo(64, emitterPart);
  private readonly interfaces = new FragmentMemo(8192, interfacePart);
  private readonly services = new FragmentMemo(4096, servicePart);
  private readonly rules = new RulesPart();
  private readonly numbers: FlowNumbers = {
    verdict: 0,
    type: 0,
    direction: 0,
    dropReason: 0,
    eventType: 0,
    eventSubType: 0,
    matchType: 0,
    traceReason: 0,
    reply: 0,
    layer7Type: 0,
  };

  /**
   * Writes the document of the message `bytes[start, end)`, without a line break, and stands `uuidStart` and `uuidEnd`. Throws WireError for bytes that are no protobuf or have no time of the years 1 to
   * 9999; `out.at` is then where it was.
   */
  write(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    out.reserve(maxBytes(end - start));
    const before = out.at;
    try {
      if (!this.tryWrite(bytes, start, end, out)) this.writeMerged(bytes, start, end, out);
    } catch (error) {
      out.at = before;
      throw error;
    }
  }

  /** Has a full decoder put the pieces of split messages together: legal, but nobody writes flows like that. Such a message goes without its uuid. */
  private writeMerged(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    let merged: Uint8Array;
    try {
      merged = toBinary(
        GetFlowsResponseSchema,
        fromBinary(GetFlowsResponseSchema, bytes.subarray(start, end)),
      );
    } catch (error) {
      throw new WireError('malformed', `flow in pieces: ${String(error)}`);
    }
    if (!this.tryWrite(merged, 0, merged.length, out)) throw new WireError('malformed', 'flow in pieces');
    this.uuidStart = 0;
    this.uuidEnd = 0;
  }

  /** False, with nothing written, when a message inside is in pieces. */
  private tryWrite(bytes: Uint8Array, start: number, end: number, out: JsonBytes): boolean {
    const { peek, flow, stamp } = this;
    this.uuidStart = 0;
    this.uuidEnd = 0;
    peekFlow(bytes, start, end, peek);
    if (peek.kind !== ENVELOPE_FLOW) {
      this.writeNotice(bytes, start, end, out);
      return true;
    }
    flow.scan(bytes, peek.memberStart, peek.memberEnd);
    const { starts, ends } = flow;
    if (peek.memberPieces > 1 || flow.isSplit || !this.readInner(bytes)) return false;
    if (starts[F.uuid] >= 0) {
      this.uuidStart = starts[F.uuid];
      this.uuidEnd = ends[F.uuid];
    }
    if (starts[F.time] >= 0) readTime(bytes, starts[F.time], ends[F.time], stamp);
    else Object.assign(stamp, { seconds: peek.seconds, nanos: peek.nanos });
    this.readNumbers(bytes);

    out.put(part.timestamp);
    this.time.write(stamp.seconds, stamp.nanos, out);
    out.putByte(QUOTE);
    out.putByte(COMMA);
    this.writeEnd(bytes, 1, out);
    this.writeEnd(bytes, 2, out);
    const { numbers, layer7 } = this;
    out.put(networkPart(this.layer4.member, int32At(this.ip, bytes, 3), numbers.direction, layer7.record));
    layer7.write(bytes, out);
    this.rules.write(bytes, peek.memberStart, peek.memberEnd, numbers, out);
    if (starts[F.traceContext] >= 0) {
      writeTraceId(bytes, starts[F.traceContext], ends[F.traceContext], out);
    }
    const parts = this.fixedParts.of(numbers);
    out.put(parts.event);
    if (layer7.latencyNs > 0) {
      out.put(part.duration);
      out.putNumber(layer7.latencyNs);
    }
    out.put(part.closeComma);
    this.writeObserver(bytes, out);
    out.put(parts.sluice);
    this.writeRest(bytes, out);
    out.put(part.end);
    return true;
  }

  /** Fills the tables of the messages inside the flow. False when one of them is in pieces. */
  private readInner(bytes: Uint8Array): boolean {
    const { starts, ends } = this.flow;
    const { ip, layer4, ports, eventType, layer7 } = this;
    scanOrClear(ip, bytes, starts[F.ip], ends[F.ip]);
    scanOrClear(layer4, bytes, starts[F.layer4], ends[F.layer4]);
    const { member } = layer4;
    scanOrClear(ports, bytes, member === 0 ? -1 : layer4.starts[member], layer4.ends[member]);
    scanOrClear(eventType, bytes, starts[F.eventType], ends[F.eventType]);
    if (ip.isSplit || layer4.isSplit || ports.isSplit) return false;
    if (starts[F.layer7] >= 0) return layer7.read(bytes, starts[F.layer7], ends[F.layer7]);
    layer7.clear();
    return true;
  }

  private readNumbers(bytes: Uint8Array): void {
    const { flow, numbers } = this;
    numbers.verdict = int32At(flow, bytes, F.verdict);
    numbers.type = int32At(flow, bytes, F.type);
    numbers.direction = int32At(flow, bytes, F.direction);
    numbers.dropReason = int32At(flow, bytes, F.dropReason);
    numbers.eventType = int32At(this.eventType, bytes, 1);
    numbers.eventSubType = int32At(this.eventType, bytes, 2);
    numbers.matchType = int32At(flow, bytes, F.matchType);
    numbers.traceReason = int32At(flow, bytes, F.traceReason);
    const reply = flow.starts[F.isReply];
    numbers.reply = reply < 0 ? 0 : boolValue(bytes, reply, flow.ends[F.isReply]) ? 2 : 1;
    numbers.layer7Type = this.layer7.type;
  }

  /** `"source":{…},` with address, port and names, or nothing; `end` is 1, or 2 for the destination. */
  private writeEnd(bytes: Uint8Array, end: 1 | 2, out: JsonBytes): void {
    const { flow, ip, ports, layer4, peek } = this;
    const before = out.at;
    out.put(end === 1 ? part.source : part.destination);
    const content = out.at;
    if (hasText(ip, end)) {
      out.put(part.ip);
      out.putString(bytes, ip.starts[end], ip.ends[end]);
      out.putByte(COMMA);
    }
    if (PORTS[layer4.member] && ports.starts[end] >= 0) {
      out.put(part.port);
      out.putNumber(uintAt(ports, bytes, end));
      out.putByte(COMMA);
    }
    const names = end === 1 ? F.sourceNames : F.destinationNames;
    if (flow.starts[names] >= 0) {
      out.put(part.domain);
      writeList(bytes, peek.memberStart, flow.ends[names], names, out);
      out.putByte(COMMA);
    }
    if (end === 1 && hasText(ip, 5)) {
      out.put(part.nat);
      out.putString(bytes, ip.starts[5], ip.ends[5]);
      out.put(part.closeComma);
    }
    if (out.at === content) out.at = before;
    else {
      out.dropComma();
      out.put(part.closeComma);
    }
  }

  /** `"orchestrator":{…},"observer":{…},` of the envelope's node, or the flow's. */
  private writeObserver(bytes: Uint8Array, out: JsonBytes): void {
    const { peek, flow } = this;
    const name = flow.starts[F.nodeName];
    if (peek.kind === ENVELOPE_FLOW && peek.nodeNameStart === peek.nodeNameEnd && name >= 0) {
      this.nodes.put(bytes, name, flow.ends[F.nodeName], out);
    } else this.nodes.put(bytes, peek.nodeNameStart, peek.nodeNameEnd, out);
    const emitter = flow.starts[F.emitter];
    if (peek.kind === ENVELOPE_FLOW && emitter >= 0) {
      this.emitters.put(bytes, emitter, flow.ends[F.emitter], out);
    }
    out.put(part.closeComma);
  }

  /** What has no place in ECS, each with a comma before it. */
  private writeRest(bytes: Uint8Array, out: JsonBytes): void {
    const { flow, ip, ports, layer4 } = this;
    const { starts, ends } = flow;
    const { member } = layer4;
    if (member === L4_TCP && ports.starts[3] >= 0) {
      out.put(tcpFlagsParts[tcpFlagsOf(bytes, ports.starts[3], ports.ends[3])]);
    } else if (member === L4_ICMPV4 || member === L4_ICMPV6) {
      out.put(part.icmpType);
      out.putNumber(uintAt(ports, bytes, 1));
      out.put(part.icmpCode);
      out.putNumber(uintAt(ports, bytes, 2));
      out.put(part.close);
    }
    if (starts[F.interface] >= 0) {
      this.interfaces.put(bytes, starts[F.interface], ends[F.interface], out);
    }
    if (uintAt(ip, bytes, 4) !== 0) out.put(part.encrypted);
    if (starts[F.proxyPort] >= 0) {
      out.put(part.proxyPort);
      out.putNumber(uintAt(flow, bytes, F.proxyPort));
    }
    this.layer7.writeRest(bytes, out);
    this.writeEndpoint(bytes, F.source, F.sourceService, part.sluiceSource, out);
    this.writeEndpoint(bytes, F.destination, F.destinationService, part.sluiceDestination, out);
  }

  private writeEndpoint(
    bytes: Uint8Array,
    endpoint: number,
    service: number,
    key: Uint8Array,
    out: JsonBytes,
  ): void {
    const { starts, ends } = this.flow;
    const before = out.at;
    out.put(key);
    const content = out.at;
    if (starts[endpoint] >= 0) this.endpoints.put(bytes, starts[endpoint], ends[endpoint], out);
    const isEmpty = out.at <= content + 1;
    if (isEmpty && starts[service] < 0) {
      out.at = before;
      return;
    }
    if (isEmpty) out.at = content;
    if (starts[service] >= 0) {
      out.put(isEmpty ? part.serviceAlone : part.service);
      this.services.put(bytes, starts[service], ends[service], out);
    }
    out.put(part.close);
  }

  /** A notice of loss, or of a node's state: rare, so a decoder reads it. */
  private writeNotice(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    const { peek } = this;
    const json = noticeJson(bytes.subarray(start, end));
    out.put(part.timestamp);
    this.time.write(peek.seconds, peek.nanos, out);
    out.putByte(QUOTE);
    out.putByte(COMMA);
    this.writeObserver(bytes, out);
    out.reserve(json.length + 16);
    out.put(json);
    out.put(part.close);
  }
}
