import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WIRE_BYTES, WIRE_VARINT, WireCursor, WireError } from './wire.ts';

/** No wire type: the field is not in the table. */
const NOT_KEPT = 255;

/** The wire type of a field as proto3 writes it, NOT_KEPT for kinds that a flow does not use. */
function wireTypeOf(field: DescField): number {
  if (field.fieldKind === 'enum') return WIRE_VARINT;
  if (field.fieldKind === 'message') return WIRE_BYTES;
  if (field.fieldKind === 'list') {
    const isPacked = field.listKind === 'enum' || (field.listKind === 'scalar' && field.packed);
    return isPacked ? NOT_KEPT : WIRE_BYTES;
  }
  if (field.fieldKind !== 'scalar') return NOT_KEPT;
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WIRE_BYTES;
    case ScalarType.BOOL:
    case ScalarType.INT32:
    case ScalarType.INT64:
    case ScalarType.UINT32:
    case ScalarType.UINT64:
      return WIRE_VARINT;
    default:
      return NOT_KEPT;
  }
}

/**
 * Where the fields of one encoded message stand, by field number: found in one pass and without a look into nested messages. Made once per kind of message,
 * filled for one message after the other.
 *
 * Fields that the schema does not know, or that come with another wire type than its own, are passed over.
 */
export class FieldTable {
  /** Where each field's value stands, the last one if it came more than once; `starts[n]` is -1 for a field that is not there. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Number of the oneof member that is set, 0 for none. The messages of a flow have one oneof at most. */
  member = 0;
  /** Whether pieces of one message, or several members of a oneof, came: legal, but then their places do not tell the value. */
  isSplit = false;
  private readonly wireTypes: Uint8Array;
  /** 1 for singular message fields, 2 for members of a oneof (all of them messages). */
  private readonly merging: Uint8Array;
  private readonly cursor = new WireCursor();

  /** @param limit fields from this number on are left out */
  constructor(schema: DescMessage, limit: number) {
    this.starts = new Int32Array(limit).fill(-1);
    this.ends = new Int32Array(limit);
    this.wireTypes = new Uint8Array(limit).fill(NOT_KEPT);
    this.merging = new Uint8Array(limit);
    for (const field of schema.fields) {
      if (field.number >= limit) continue;
      this.wireTypes[field.number] = wireTypeOf(field);
      if (field.fieldKind === 'message') this.merging[field.number] = field.oneof === undefined ? 1 : 2;
    }
  }

  /** Forgets what was found: all fields are absent. */
  clear(): void {
    this.starts.fill(-1);
    this.member = 0;
    this.isSplit = false;
  }

  /** Fills the table from the message `bytes[start, end)`. Throws WireError when that is cut off or no protobuf; never reads outside. */
  scan(bytes: Uint8Array, start: number, end: number): void {
    const { cursor, starts, ends, wireTypes, merging } = this;
    const limit = wireTypes.length;
    this.clear();
    cursor.reset(bytes, start, end);
    let pos = start;
    while (pos < end) {
      // What is short, and that is nearly everything, is read here; the rest by the cursor.
      let tag = bytes[pos++];
      if (tag > 127) {
        if (pos < end && bytes[pos] < 128) tag = (tag & 127) | (bytes[pos++] << 7);
        else {
          cursor.pos = pos - 1;
          tag = cursor.varint();
          pos = cursor.pos;
        }
      }
      if (tag < 8 || tag > 0xffffffff) {
        throw new WireError('malformed', `field tag ${tag} before byte ${pos}`);
      }
      const wireType = tag & 7;
      let from = pos;
      if (wireType === WIRE_BYTES) {
        let length = pos < end ? bytes[pos] : 128;
        if (length < 128) pos++;
        else {
          cursor.pos = pos;
          length = cursor.varint();
          pos = cursor.pos;
        }
        if (length > end - pos) {
          throw new WireError('truncated', `${length} bytes announced, ${end - pos} there`);
        }
        from = pos;
        pos += length;
      } else if (wireType === WIRE_VARINT && pos < end && bytes[pos] < 128) {
        pos++;
      } else {
        cursor.pos = pos;
        cursor.skip(tag);
        pos = cursor.pos;
      }
      const field = tag >>> 3;
      if (field >= limit || wireTypes[field] !== wireType) continue;
      if (merging[field] !== 0) this.noteMessage(field, merging[field]);
      starts[field] = from;
      ends[field] = pos;
    }
  }

  private noteMessage(field: number, merging: number): void {
    if (this.starts[field] >= 0) this.isSplit = true;
    if (merging === 1) return;
    if (this.member !== 0) this.isSplit = true;
    this.member = field;
  }
}
