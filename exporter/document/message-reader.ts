import type { FieldTable } from '../../proto/flow/field-table.ts';
import { WIRE_BYTES, WIRE_VARINT, WireCursor } from '../../proto/flow/wire.ts';
import type { JsonBytes } from '../../proto/flow/json/json-bytes.ts';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;

const cursor = new WireCursor();

/** An int32, uint32 or enum field of a filled table, 0 when it is absent. */
export function int32At(table: FieldTable, bytes: Uint8Array, field: number): number {
  const start = table.starts[field];
  if (start < 0) return 0;
  if (bytes[start] < 128) return bytes[start];
  cursor.reset(bytes, start, table.ends[field]);
  return cursor.int32();
}

/** An unsigned field of a filled table, as a double: rounded above 2^53; 0 when it is absent. */
export function uintAt(table: FieldTable, bytes: Uint8Array, field: number): number {
  const start = table.starts[field];
  if (start < 0) return 0;
  cursor.reset(bytes, start, table.ends[field]);
  return cursor.varint();
}

/** Field 1 of a BoolValue at `bytes[start, end)`. */
export function boolValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start === 2 && bytes[start] === ((1 << 3) | WIRE_VARINT)) return bytes[start + 1] !== 0;
  let value = false;
  cursor.reset(bytes, start, end);
  while (cursor.pos < end) {
    const tag = cursor.tag();
    if (tag === ((1 << 3) | WIRE_VARINT)) value = cursor.bool();
    else cursor.skip(tag);
  }
  return value;
}

const TCP_FLAGS = 9;

/** Flags of a TCPFlags message as they stand in a header: FIN is bit 0, NS bit 8. */
export function tcpFlagsOf(bytes: Uint8Array, start: number, end: number): number {
  let flags = 0;
  cursor.reset(bytes, start, end);
  while (cursor.pos < end) {
    const tag = cursor.tag();
    const number = tag >>> 3;
    if ((tag & 7) === WIRE_VARINT && number <= TCP_FLAGS) {
      const bit = 1 << (number - 1);
      flags = cursor.bool() ? flags | bit : flags & ~bit;
    } else cursor.skip(tag);
  }
  return flags;
}

/** Reads the Timestamp `bytes[start, end)`. */
export function readTime(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: { seconds: number; nanos: number },
): void {
  out.seconds = 0;
  out.nanos = 0;
  cursor.reset(bytes, start, end);
  while (cursor.pos < end) {
    const tag = cursor.tag();
    if (tag === ((1 << 3) | WIRE_VARINT)) out.seconds = cursor.int64();
    else if (tag === ((2 << 3) | WIRE_VARINT)) out.nanos = cursor.int32();
    else cursor.skip(tag);
  }
}

/** Calls back for each item of a repeated field of texts or messages in the message `bytes[start, end)`, in order. */
export function eachItem(
  bytes: Uint8Array,
  start: number,
  end: number,
  field: number,
  take: (bytes: Uint8Array, start: number, end: number) => void,
): void {
  let pos = start;
  while (pos < end) {
    cursor.reset(bytes, pos, end);
    const tag = cursor.tag();
    if (tag !== field * 8 + WIRE_BYTES) {
      cursor.skip(tag);
      pos = cursor.pos;
      continue;
    }
    const length = cursor.length();
    const from = cursor.pos;
    pos = from + length;
    take(bytes, from, pos);
  }
}

/** Writes the texts of a repeated field, of which there is one at least, as `[…]`. */
export function writeList(
  bytes: Uint8Array,
  start: number,
  end: number,
  field: number,
  out: JsonBytes,
): void {
  let separator = OPEN;
  eachItem(bytes, start, end, field, (_, from, to) => {
    out.putByte(separator);
    out.putString(bytes, from, to);
    separator = COMMA;
  });
  out.putByte(CLOSE);
}

/** Whether a text of a filled table is there, and not empty. */
export function hasText(table: FieldTable, field: number): boolean {
  return table.starts[field] >= 0 && table.ends[field] > table.starts[field];
}

/** Fills a table, or empties it where there is no such message: `start` is -1 then. */
export function scanOrClear(table: FieldTable, bytes: Uint8Array, start: number, end: number): void {
  if (start < 0) table.clear();
  else table.scan(bytes, start, end);
}
