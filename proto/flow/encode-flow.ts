import { create, toBinary } from '@bufbuild/protobuf';
import { EmitterSchema } from '../gen/flow/flow_pb.ts';
import { putEthernet, putIp, putLayer4 } from './encode-layers.ts';
import { type FlowRecord, REPLY_UNKNOWN, REPLY_YES } from './flow-record.ts';
import { encodedSummary } from './flow-summary.ts';
import { FRAME_PREFIX_BYTES } from './frame.ts';
import { putNumber, putNumber1, putNumber2, ShortBytes } from './put.ts';
import { UuidSource } from './uuid-source.ts';
import { closeLength } from './wire.ts';

/** What is the same in every flow of one agent. */
export interface FlowEncoderOptions {
  /** `<node>` or `<cluster>/<node>`: `Flow.node_name` and the envelope's `node_name`. */
  readonly nodeName: string;
  /** `key=value`, sorted. */
  readonly nodeLabels: readonly string[];
  readonly emitter: { readonly name: string; readonly version: string };
  /** See UuidSource. */
  readonly seed: Uint32Array;
}

/** Bytes that the parts of a flow with a fixed bound can take together: everything that is not counted in `maxBytes`. */
const FIXED_PARTS_MAX_BYTES = 640;

const utf8 = new TextEncoder();

/**
 * Writes flows as length-prefixed GetFlowsResponse messages, byte for byte what protobuf-es gives for the same content (fields by ascending
 * number, defaults left out), at a thirtieth of its cost: nothing is allocated, text that repeats is copied as bytes encoded before, and short parts are written a word at
 * a time.
 */
export class FlowEncoder {
  private readonly uuids: UuidSource;
  private readonly nodeNameBytes: number;
  /** The flow's `Type` (L3_L4, or L7) and `node_name`, and the envelope's `node_name` and the tag of its time. */
  private readonly typeAndNode: ShortBytes;
  private readonly layer7AndNode: ShortBytes;
  private readonly envelopeNode: ShortBytes;
  /** `node_labels` fields of a flow, tags included. */
  private nodeLabels: Uint8Array;
  /** `emitter` field of a flow, tag included. */
  private readonly emitter: Uint8Array;
  /** Both in a row, as most flows have them. */
  private labelsAndEmitter: Uint8Array;
  /** The array that flows were written into of late, and a view on it. */
  private out: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.out.buffer);
  /** The last second that flows had, and its `seconds` field: it lasts for thousands of flows. */
  private second = 0;
  private secondField = new ShortBytes(new Uint8Array(0));

  constructor(options: FlowEncoderOptions) {
    this.uuids = new UuidSource(options.seed);
    const nodeName = utf8.encode(options.nodeName);
    this.nodeNameBytes = nodeName.length;
    this.typeAndNode = new ShortBytes(Uint8Array.of(0x50, 1, ...field([0x5a], nodeName)));
    this.layer7AndNode = new ShortBytes(Uint8Array.of(0x50, 2, ...field([0x5a], nodeName)));
    this.envelopeNode = new ShortBytes(Uint8Array.of(...field([0xc2, 0x3e], nodeName), 0xca, 0x3e));
    this.nodeLabels = encodeNodeLabels(options.nodeLabels);
    this.emitter = field([0xca, 0x02], toBinary(EmitterSchema, create(EmitterSchema, options.emitter)));
    this.labelsAndEmitter = concat([this.nodeLabels, this.emitter]);
  }

  /** Replaces the node's labels for the flows to come. */
  setNodeLabels(labels: readonly string[]): void {
    this.nodeLabels = encodeNodeLabels(labels);
    this.labelsAndEmitter = concat([this.nodeLabels, this.emitter]);
  }

  /** An upper bound of the bytes that `encode` writes for this record, and may spoil behind them: what the caller must have room for. */
  maxBytes(record: FlowRecord): number {
    return (
      FIXED_PARTS_MAX_BYTES +
      2 * this.nodeNameBytes +
      this.labelsAndEmitter.length +
      record.source.length +
      record.destination.length +
      record.sourceNames.length +
      record.destinationNames.length +
      record.sourceService.length +
      record.destinationService.length +
      record.networkInterface.length +
      record.file.length +
      record.layer7.length +
      record.summary.length +
      record.policies.length
    );
  }

  /**
   * Writes one frame at `pos` and returns its end. `out` must have `maxBytes(record)` bytes of room there; a few bytes behind the end may be overwritten within them.
   * Throws RangeError when there is less.
   */
  encode(record: FlowRecord, out: Uint8Array, pos: number): number {
    if (out !== this.out) {
      this.out = out;
      this.view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    }
    const { view } = this;
    const message = pos + FRAME_PREFIX_BYTES;
    view.setUint8(message, 0x0a);
    // Flows take 130 to 16,383 bytes almost always: two bytes of length.
    const flowStart = message + 3;
    const flowEnd = this.putFlow(record, flowStart);
    const closed = closeLength(out, flowStart, flowEnd, 2);
    const time = flowStart + 1 + closed - flowEnd;
    const end = repeatTimestamp(view, time, this.envelopeNode.put(view, closed));
    view.setUint8(pos, 0);
    view.setUint32(pos + 1, end - message);
    return end;
  }

  private putFlow(record: FlowRecord, start: number): number {
    const { view } = this;
    view.setUint8(start, 0x0a);
    let pos = this.putTimestamp(start + 1, record);
    if (record.verdict !== 0) pos = putNumber1(view, pos, 0x10, record.verdict);
    if (record.dropReason !== 0) pos = putNumber1(view, pos, 0x18, record.dropReason);
    if (record.ethernetOffset >= 0) pos = putEthernet(view, pos, record);
    if (record.ipVersion !== 0) pos = putIp(view, pos, record);
    pos = putLayer4(view, pos, record);
    pos = this.putField1(pos, 0x42, record.source);
    pos = this.putField1(pos, 0x4a, record.destination);
    const isLayer7 = record.layer7.length > 0;
    pos = (isLayer7 ? this.layer7AndNode : this.typeAndNode).put(view, pos);
    pos = this.putBytes(pos, record.sourceNames);
    pos = this.putBytes(pos, record.destinationNames);
    if (isLayer7) pos = this.putField1(pos, 0x7a, record.layer7);
    if (record.isReply === REPLY_YES) pos = putNumber2(view, pos, 0x0180, 1);
    if (record.eventType !== 0) pos = putEventType(view, pos, record);
    if (record.sourceService.length > 0) pos = this.putField2(pos, 0x01a2, record.sourceService);
    if (record.destinationService.length > 0) pos = this.putField2(pos, 0x01aa, record.destinationService);
    if (record.trafficDirection !== 0) pos = putNumber2(view, pos, 0x01b0, record.trafficDirection);
    if (record.policyMatchType !== 0) pos = putNumber2(view, pos, 0x01b8, record.policyMatchType);
    if (record.observationPoint !== 0) pos = putNumber2(view, pos, 0x01c0, record.observationPoint);
    if (record.dropReason !== 0) pos = putNumber2(view, pos, 0x01c8, record.dropReason);
    if (record.isReply !== REPLY_UNKNOWN) pos = putIsReply(view, pos, record.isReply);
    if (record.networkInterface.length > 0) pos = this.putField2(pos, 0x01e2, record.networkInterface);
    if (record.proxyPort !== 0) pos = putNumber2(view, pos, 0x01e8, record.proxyPort);
    view.setUint32(pos, 0x24_0292, true); // uuid, 36 bytes
    pos = this.uuids.put(view, pos + 3);
    if (record.authType !== 0) pos = putNumber2(view, pos, 0x0298, record.authType);
    if (record.traceReason !== 0) pos = putNumber2(view, pos, 0x02a0, record.traceReason);
    if (record.file.length === 0) pos = this.putBytes(pos, this.labelsAndEmitter);
    else {
      pos = this.putBytes(pos, this.nodeLabels);
      pos = this.putField2(pos, 0x02b2, record.file);
      pos = this.putBytes(pos, this.emitter);
    }
    pos = this.putBytes(pos, record.policies);
    return isLayer7 ? this.putSummary(pos, record.summary) : encodedSummary(record).put(view, pos);
  }

  /** Writes `Summary`, field 100000. */
  private putSummary(pos: number, summary: Uint8Array): number {
    const { view } = this;
    view.setUint32(pos, 0x30_ea82, true);
    return this.putBytes(putNumber(view, pos + 3, summary.length), summary);
  }

  /** Writes a Timestamp with its length but without a tag: at most 13 bytes of content. */
  private putTimestamp(pos: number, { seconds, nanos }: FlowRecord): number {
    const { view } = this;
    if (seconds !== this.second) {
      this.second = seconds;
      this.secondField = new ShortBytes(seconds === 0 ? new Uint8Array(0) : varintField([0x08], seconds));
    }
    const start = pos + 1;
    let end = this.secondField.put(view, start);
    if (nanos !== 0) end = putNumber1(view, end, 0x10, nanos);
    view.setUint8(pos, end - start);
    return end;
  }

  /** Copies bytes. `set` wins only from some 24 bytes on; below, its call costs more than the loop. */
  private putBytes(pos: number, bytes: Uint8Array): number {
    const { out } = this;
    const { length } = bytes;
    if (length > 24) out.set(bytes, pos);
    else for (let i = 0; i < length; i++) out[pos + i] = bytes[i];
    return pos + length;
  }

  /** Writes a length-delimited field whose tag is one byte. */
  private putField1(pos: number, tag: number, bytes: Uint8Array): number {
    return this.putBytes(putNumber1(this.view, pos, tag, bytes.length), bytes);
  }

  /** Writes a length-delimited field whose tag takes two bytes, the first of them in the low byte of `tag`. */
  private putField2(pos: number, tag: number, bytes: Uint8Array): number {
    return this.putBytes(putNumber2(this.view, pos, tag, bytes.length), bytes);
  }
}

/** A tag and a number; the number is a field's value, or the length of one whose bytes follow. */
function varintField(tag: readonly number[], value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  return concat([Uint8Array.from(tag), new Uint8Array(view.buffer, 0, putNumber(view, 0, value))]);
}

function field(tag: readonly number[], bytes: Uint8Array): Uint8Array {
  return concat([varintField(tag, bytes.length), bytes]);
}

function encodeNodeLabels(labels: readonly string[]): Uint8Array {
  return concat(labels.map((label) => field([0xaa, 0x02], utf8.encode(label))));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let pos = 0;
  for (const part of parts) {
    out.set(part, pos);
    pos += part.length;
  }
  return out;
}

/** Writes the Timestamp at `from`, length included, once more. */
function repeatTimestamp(view: DataView, from: number, to: number): number {
  const end = to + 1 + view.getUint8(from);
  for (; to < end; from += 4, to += 4) view.setUint32(to, view.getUint32(from));
  return end;
}

function putEventType(view: DataView, pos: number, record: FlowRecord): number {
  const start = pos + 3;
  let end = putNumber1(view, start, 0x08, record.eventType);
  if (record.eventSubType !== 0) end = putNumber1(view, end, 0x10, record.eventSubType);
  view.setUint16(pos, 0x019a, true);
  view.setUint8(pos + 2, end - start);
  return end;
}

/** Writes the BoolValue: present and empty means false. */
function putIsReply(view: DataView, pos: number, isReply: number): number {
  if (isReply !== REPLY_YES) {
    view.setUint32(pos, 0x01d2, true);
    return pos + 3;
  }
  view.setUint32(pos, 0x0802_01d2, true);
  view.setUint8(pos + 4, 1);
  return pos + 5;
}
