import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Flow, FlowSchema, HTTPHeaderSchema } from '../gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../gen/observer/observer_pb.ts';
import { decodeText } from './decode-text.ts';
import { type FieldPath, fieldPath, FLOW_FIELDS_LIMIT, messageAt, numberOf, parentOf } from './field-path.ts';
import { FieldTable } from './field-table.ts';
import { createFlowPeek, ENVELOPE_FLOW, type FlowPeek, peekFlow } from './peek-flow.ts';
import { WIRE_BYTES, WIRE_VARINT, WireCursor, WireError } from './wire.ts';

/** Test of the text `bytes[start, end)`. */
export type TextMatch = (bytes: Uint8Array, start: number, end: number) => boolean;

/** Test of two texts that belong together: `bytes[start1, end1)` and `bytes[start2, end2)`. */
export type PairMatch = (
  bytes: Uint8Array,
  start1: number,
  end1: number,
  start2: number,
  end2: number,
) => boolean;

/** A message of the flow: its table, and for which load of the index it was filled. */
interface Part {
  readonly table: FieldTable;
  load: number;
}

const L4 = fieldPath('l4');
const L7 = fieldPath('l7');
const TCP_FLAGS = fieldPath('l4.TCP.flags');
const TCP_FLAGS_COUNT = 9;

/**
 * Reads single fields of an encoded GetFlowsResponse without decoding the rest. `reset` notes in one pass where the fields of the flow stand; a nested message
 * is looked into when one of its fields is first asked for. Reused for every message; allocates nothing, unless text is asked for as a string.
 *
 * What is read is what a full decoder would give: absent fields read as their defaults, of several scalars the last counts, pieces of one message are merged,
 * unknown fields are passed over. Bytes that are no protobuf give a WireError: from `reset`, or from an accessor when the damage lies deeper.
 * Only text may differ: where it is no UTF-8, decoders refuse the whole message.
 */
export class FlowIndex {
  /** Kind, time and node name of the envelope. */
  readonly envelope: FlowPeek = createFlowPeek();
  private bytes: Uint8Array = new Uint8Array(0);
  private messageStart = 0;
  private messageEnd = 0;
  private load = 0;
  private readonly flow = new FieldTable(messageAt(0), FLOW_FIELDS_LIMIT);
  /** Nested messages that were ever asked for, by path. */
  private readonly parts = new Map<number, Part>();
  private readonly cursor = new WireCursor();
  private readonly item = new FieldTable(HTTPHeaderSchema, 3);

  /**
   * Points at the message `bytes[start, end)`, which must not change while it is read. Throws WireError; the index is then of no use until the next `reset`.
   */
  reset(bytes: Uint8Array, start: number, end: number): void {
    const { envelope, flow } = this;
    this.load++;
    this.bytes = bytes;
    this.messageStart = start;
    this.messageEnd = end;
    peekFlow(bytes, start, end, envelope);
    if (envelope.kind !== ENVELOPE_FLOW) {
      flow.clear();
      return;
    }
    if (envelope.memberPieces === 1) flow.scan(bytes, envelope.memberStart, envelope.memberEnd);
    if (envelope.memberPieces > 1 || flow.isSplit) this.merge();
  }

  /** Has a full decoder put the pieces of split messages together. Legal, but nobody writes flows like that, so the cost does not matter. */
  private merge(): void {
    const message = this.bytes.subarray(this.messageStart, this.messageEnd);
    let merged: Uint8Array;
    try {
      merged = toBinary(GetFlowsResponseSchema, fromBinary(GetFlowsResponseSchema, message));
    } catch (error) {
      throw new WireError('malformed', `flow in pieces: ${String(error)}`);
    }
    this.reset(merged, 0, merged.length);
  }

  /** ENVELOPE_* of the message. */
  get kind(): number {
    return this.envelope.kind;
  }

  /** The table of the message at a path, filled. */
  private open(path: number): FieldTable {
    if (path === 0) return this.flow;
    const part = this.parts.get(path) ?? this.createPart(path);
    if (part.load === this.load) return part.table;
    const { table } = part;
    const parent = this.open(parentOf(path));
    const start = parent.starts[numberOf(path)];
    if (start < 0) table.clear();
    else table.scan(this.bytes, start, parent.ends[numberOf(path)]);
    if (table.isSplit) {
      this.merge();
      return this.open(path);
    }
    part.load = this.load;
    return table;
  }

  private createPart(path: number): Part {
    const schema = messageAt(path);
    const limit = Math.max(...schema.fields.map((field) => field.number)) + 1;
    const part = { table: new FieldTable(schema, limit), load: -1 };
    this.parts.set(path, part);
    return part;
  }

  /** Stands the cursor before the value of a field. False when the field is absent. */
  private seek(path: number): boolean {
    const table = this.open(parentOf(path));
    const number = numberOf(path);
    const start = table.starts[number];
    if (start < 0) return false;
    this.cursor.reset(this.bytes, start, table.ends[number]);
    return true;
  }

  /** The whole flow, decoded: for what cannot be asked of the index, at many times the cost. Throws WireError when it does not decode. */
  decode(): Flow {
    const { envelope } = this;
    try {
      return fromBinary(FlowSchema, this.bytes.subarray(envelope.memberStart, envelope.memberEnd));
    } catch (error) {
      throw new WireError('malformed', `flow does not decode: ${String(error)}`);
    }
  }

  /** Whether the field is there. */
  has(path: FieldPath): boolean {
    return this.open(parentOf(path)).starts[numberOf(path)] >= 0;
  }

  /** An int32 or enum field. */
  int32(path: FieldPath): number {
    return this.seek(path) ? this.cursor.int32() : 0;
  }

  uint32(path: FieldPath): number {
    return this.seek(path) ? this.cursor.uint32() : 0;
  }

  uint64(path: FieldPath): bigint {
    return this.seek(path) ? this.cursor.uint64() : 0n;
  }

  bool(path: FieldPath): boolean {
    return this.seek(path) && this.cursor.bool();
  }

  /** A singular text field as a string. Where a comparison is all that is wanted, `matchText` is several times cheaper. */
  text(path: FieldPath): string {
    const { pos, end } = this.seek(path) ? this.cursor : empty;
    return decodeText(this.bytes, pos, end);
  }

  /** Puts a singular text field to a test, an absent one as empty text. */
  matchText(path: FieldPath, match: TextMatch): boolean {
    const { pos, end } = this.seek(path) ? this.cursor : empty;
    return match(this.bytes, pos, end);
  }

  /** Puts two singular text fields of one message to a test together. */
  matchPair(path1: FieldPath, path2: FieldPath, match: PairMatch): boolean {
    const { pos: start2, end: end2 } = this.seek(path2) ? this.cursor : empty;
    const { pos: start1, end: end1 } = this.seek(path1) ? this.cursor : empty;
    return match(this.bytes, start1, end1, start2, end2);
  }

  /** Puts the texts of a repeated field to a test, in order, until one passes. */
  someText(path: FieldPath, match: TextMatch): boolean {
    return this.someItem(path, match);
  }

  /** The same for a repeated message with two texts as its fields 1 and 2: Workload, HTTPHeader. */
  somePair(path: FieldPath, match: PairMatch): boolean {
    const { starts, ends } = this.item;
    return this.someItem(path, (bytes, start, end) => {
      this.item.scan(bytes, start, end);
      const start1 = Math.max(starts[1], 0);
      const start2 = Math.max(starts[2], 0);
      return match(bytes, start1, starts[1] < 0 ? start1 : ends[1], start2, starts[2] < 0 ? start2 : ends[2]);
    });
  }

  private someItem(path: FieldPath, match: TextMatch): boolean {
    const number = numberOf(path);
    const parent = parentOf(path);
    const table = this.open(parent);
    if (table.starts[number] < 0) return false;
    const lastEnd = table.ends[number];
    const { bytes, cursor } = this;
    if (parent === 0) cursor.reset(bytes, this.envelope.memberStart, lastEnd);
    else cursor.reset(bytes, this.open(parentOf(parent)).starts[numberOf(parent)], lastEnd);
    let pos = cursor.pos;
    while (pos < lastEnd) {
      cursor.pos = pos;
      const tag = cursor.tag();
      if (tag !== ((number << 3) | WIRE_BYTES)) {
        cursor.skip(tag);
        pos = cursor.pos;
        continue;
      }
      const length = cursor.length();
      pos = cursor.pos + length;
      if (match(bytes, cursor.pos, pos)) return true;
    }
    return false;
  }

  /** Like `someText`, for a field of the flow that has no place in the index, by its number: FLOW_FIELDS_LIMIT or above. Walks over the whole flow. */
  someItemOf(number: number, match: TextMatch): boolean {
    const { bytes, cursor, envelope } = this;
    if (envelope.kind !== ENVELOPE_FLOW) return false;
    const end = envelope.memberEnd;
    let pos = envelope.memberStart;
    while (pos < end) {
      cursor.reset(bytes, pos, end);
      const tag = cursor.tag();
      if (tag !== number * 8 + WIRE_BYTES) {
        cursor.skip(tag);
        pos = cursor.pos;
        continue;
      }
      const length = cursor.length();
      pos = cursor.pos + length;
      if (match(bytes, cursor.pos, pos)) return true;
    }
    return false;
  }

  /** The member of `l4` that is set, by its field number: TCP 1, UDP 2, ICMPv4 3, ICMPv6 4, SCTP 5, VRRP 6, IGMP 7; 0 when none. */
  get layer4(): number {
    return this.open(L4).member;
  }

  /** The record of `l7` that is set, by its field number: dns 100, http 101, kafka 102; 0 when none. */
  get layer7(): number {
    return this.open(L7).member;
  }

  /** TCP flags as they stand in a header (FIN is bit 0, NS bit 8), -1 for a flow that carries none. */
  get tcpFlags(): number {
    if (!this.seek(TCP_FLAGS)) return -1;
    const { cursor } = this;
    let flags = 0;
    while (cursor.pos < cursor.end) {
      const tag = cursor.tag();
      const number = tag >>> 3;
      if ((tag & 7) === WIRE_VARINT && number <= TCP_FLAGS_COUNT) {
        const bit = 1 << (number - 1);
        flags = cursor.bool() ? flags | bit : flags & ~bit;
      } else cursor.skip(tag);
    }
    return flags;
  }
}

const empty = { pos: 0, end: 0 };
