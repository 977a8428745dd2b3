/**
 * Protobuf's wire format (protobuf.dev/programming-guides/encoding) at the level of bytes and positions: what the hand-written
 * encoder, the peek and the lazy index share. Writers take a position and return the next one; room is the caller's business. Readers
 * check bounds on every step.
 */

/** Why bytes could not be read. */
export type WireErrorCode = 'truncated' | 'malformed' | 'too-large' | 'compressed';

/** Bytes from elsewhere that are not what they should be. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_FIXED32 = 5;

/** Bytes that `value` (an unsigned integer below 2^53) takes as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    size++;
  }
  return size;
}

/** Writes an unsigned integer below 2^53 as a varint. */
export function putVarint(out: Uint8Array, pos: number, value: number): number {
  while (value > 0x7fffffff) {
    out[pos++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  while (value > 127) {
    out[pos++] = (value & 127) | 128;
    value >>>= 7;
  }
  out[pos++] = value;
  return pos;
}

/** Copies `bytes`. `set` wins only from some 24 bytes on; below, its call costs more than the loop. */
export function putBytes(out: Uint8Array, pos: number, bytes: Uint8Array): number {
  const length = bytes.length;
  if (length > 24) {
    out.set(bytes, pos);
    return pos + length;
  }
  for (let i = 0; i < length; i++) out[pos + i] = bytes[i];
  return pos + length;
}

/** Writes a length-delimited field whose tag is one byte (field numbers 1 to 15). */
export function putField1(out: Uint8Array, pos: number, tag: number, bytes: Uint8Array): number {
  out[pos++] = tag;
  return putBytes(out, putVarint(out, pos, bytes.length), bytes);
}

/** Writes a length-delimited field whose tag takes two bytes (field numbers 16 to 2047), given low byte first. */
export function putField2(
  out: Uint8Array,
  pos: number,
  tag0: number,
  tag1: number,
  bytes: Uint8Array,
): number {
  out[pos++] = tag0;
  out[pos++] = tag1;
  return putBytes(out, putVarint(out, pos, bytes.length), bytes);
}

/**
 * Closes a message for whose length `reserved` bytes were left before `start`; moves the content when the length takes another
 * number of bytes than that. Returns the end of the message.
 */
export function closeLength(out: Uint8Array, start: number, end: number, reserved: number): number {
  const length = end - start;
  const size = varintSize(length);
  if (size !== reserved) out.copyWithin(start - reserved + size, start, end);
  putVarint(out, start - reserved, length);
  return end + size - reserved;
}

/** A position in bytes that is only ever moved after a bounds check. Reused: `reset` it instead of making new ones. */
export class WireCursor {
  bytes: Uint8Array = new Uint8Array(0);
  pos = 0;
  end = 0;
  /** The halves of the last varint that was read by `words`. */
  private low = 0;
  private high = 0;

  /** Points at `bytes[start, end)`. Throws WireError when that is not inside. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    if (start < 0 || end > bytes.length || start > end) {
      throw new WireError('truncated', `range ${start}..${end} of ${bytes.length} bytes`);
    }
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  /** Reads an unsigned varint; exact below 2^53, rounded to a double above. Bits beyond the 64th are dropped, as protobuf demands. */
  varint(): number {
    const { bytes, pos, end } = this;
    if (pos < end) {
      const first = bytes[pos];
      if (first < 128) {
        this.pos = pos + 1;
        return first;
      }
      // Two bytes hold the lengths and most of the tags of a flow.
      if (pos + 1 < end && bytes[pos + 1] < 128) {
        this.pos = pos + 2;
        return (first & 127) | (bytes[pos + 1] << 7);
      }
    }
    this.words();
    return this.high * 2 ** 32 + this.low;
  }

  /** Reads a varint as an int64; exact between -2^53 and 2^53. */
  int64(): number {
    this.words();
    return (this.high | 0) * 2 ** 32 + this.low;
  }

  /** Reads a varint as a uint64, exact at any size. */
  uint64(): bigint {
    this.words();
    return (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  /** Reads a bool: any bit of the varint makes it true. */
  bool(): boolean {
    return this.varint() !== 0;
  }

  /** Reads a varint of up to ten bytes into the two halves of 64 bits. */
  private words(): void {
    const { bytes, end } = this;
    let { pos } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) throw new WireError('truncated', `varint cut off at byte ${pos}`);
      const byte = bytes[pos++];
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else high |= bits << (shift - 32);
      if (byte < 128) {
        this.pos = pos;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw new WireError('malformed', `varint longer than 10 bytes before byte ${pos}`);
  }

  /** Reads a varint and keeps its low 32 bits, signed: for int32 and enums, whose negative values take ten bytes. */
  int32(): number {
    return this.varintLow() | 0;
  }

  /** Reads a varint and keeps its low 32 bits, unsigned. */
  uint32(): number {
    return this.varintLow() >>> 0;
  }

  private varintLow(): number {
    const { bytes, pos } = this;
    if (pos < this.end && bytes[pos] < 128) {
      this.pos = pos + 1;
      return bytes[pos];
    }
    this.words();
    return this.low;
  }

  /** Reads a length and checks that as many bytes are there. Returns it; the cursor stands at the first of them. */
  length(): number {
    const length = this.varint();
    if (length > this.end - this.pos) {
      throw new WireError('truncated', `${length} bytes announced, ${this.end - this.pos} there`);
    }
    return length;
  }

  /** Moves over the value of a field whose tag was just read. Groups (long gone from proto3) are walked to their end, nested ones too. */
  skip(tag: number): void {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.varint();
        return;
      case WIRE_FIXED64:
        this.advance(8);
        return;
      case WIRE_BYTES:
        this.advance(this.length());
        return;
      case WIRE_FIXED32:
        this.advance(4);
        return;
      case 3:
        this.skipGroup(tag);
        return;
      default:
        throw new WireError('malformed', `wire type ${tag & 7} of field ${tag >>> 3} at byte ${this.pos}`);
    }
  }

  private advance(count: number): void {
    if (count > this.end - this.pos) {
      throw new WireError('truncated', `${count} bytes wanted, ${this.end - this.pos} there`);
    }
    this.pos += count;
  }

  private skipGroup(startTag: number): void {
    const open = [startTag >>> 3];
    while (open.length > 0) {
      if (open.length > 100) throw new WireError('malformed', 'groups nested deeper than 100');
      const tag = this.tag();
      if ((tag & 7) === 3) open.push(tag >>> 3);
      else if ((tag & 7) === 4) {
        if (open.pop() !== tag >>> 3) throw new WireError('malformed', `group ${tag >>> 3} ends another`);
      } else this.skip(tag);
    }
  }

  /** Reads a field tag: number << 3 | wire type. Throws on field number 0 and on numbers that do not fit. */
  tag(): number {
    const tag = this.varint();
    // Below 8 the field number is 0.
    if (tag < 8 || tag > 0xffffffff) {
      throw new WireError('malformed', `field tag ${tag} before byte ${this.pos}`);
    }
    return tag;
  }
}
