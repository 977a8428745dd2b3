/**
 * Names in DNS messages (RFC 1035 section 3.1 and 4.1.4). What stands there is chosen by whoever sent the message, so everything about it has a bound: a name's length on
 * the wire, and pointers, which must lead backwards and only so often.
 */

/** A name's bytes on the wire, lengths and the final zero included. */
const MAX_WIRE_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** Real names take one or two; each has to lead further back than the one before. */
const MAX_POINTERS = 32;
/** Every byte can become `\DDD`. */
const MAX_TEXT_BYTES = 4 * MAX_WIRE_BYTES;

const BACKSLASH = 0x5c;
const DOT = 0x2e;
const DIGIT_ZERO = 0x30;

/** How a byte of a label is written: itself, its lower case, behind a backslash, or as three digits. */
const AS_IT_IS = 0;
const LOWERED = 1;
const ESCAPED = 2;
const AS_DIGITS = 3;
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x41 && byte <= 0x5a) return LOWERED;
  if (byte === DOT || byte === BACKSLASH) return ESCAPED;
  return byte > 0x20 && byte < 0x7f ? AS_IT_IS : AS_DIGITS;
});

/** Why a name could not be read: it breaks a rule, or the bytes end before it does. */
export type NameFault = 'malformed' | 'cut';

/** Reads names into text. One is enough for all messages: what it found stays until the next call. */
export class NameReader {
  private readonly out = Buffer.alloc(MAX_TEXT_BYTES);
  /** The name in the master file form of RFC 1035 section 5.1, in lower case and with its final dot; `.` is the root. */
  text = '';
  /** Where the name ends in the message: behind its final zero or its first pointer. */
  end = 0;
  fault: NameFault = 'malformed';

  /** Reads the name at `bytes[at]` of the message `bytes[start, end)`, which pointers count from. False = it could not be read, and `fault` says why. */
  read(bytes: Uint8Array, start: number, at: number, end: number): boolean {
    const { out } = this;
    let length = 0;
    let wireBytes = 1;
    let pointers = 0;
    let lowest = at;
    this.end = -1;
    for (;;) {
      if (at >= end) return this.fail('cut');
      const size = bytes[at];
      if (size === 0) break;
      if (size >= 0xc0) {
        if (at + 1 >= end) return this.fail('cut');
        const target = start + (((size & 0x3f) << 8) | bytes[at + 1]);
        if (this.end < 0) this.end = at + 2;
        if (target >= lowest || ++pointers > MAX_POINTERS) return this.fail('malformed');
        lowest = target;
        at = target;
        continue;
      }
      wireBytes += size + 1;
      if (size > MAX_LABEL_BYTES || wireBytes > MAX_WIRE_BYTES) return this.fail('malformed');
      if (at + 1 + size > end) return this.fail('cut');
      length = putLabel(out, length, bytes, at + 1, size);
      at += 1 + size;
    }
    if (this.end < 0) this.end = at + 1;
    this.text = length === 0 ? '.' : out.toString('latin1', 0, length);
    return true;
  }

  private fail(fault: NameFault): false {
    this.fault = fault;
    return false;
  }
}

function putLabel(out: Uint8Array, pos: number, bytes: Uint8Array, at: number, size: number): number {
  for (let i = at; i < at + size; i++) {
    const byte = bytes[i];
    const kind = kinds[byte];
    if (kind === AS_IT_IS) out[pos++] = byte;
    else if (kind === LOWERED) out[pos++] = byte | 0x20;
    else {
      out[pos++] = BACKSLASH;
      if (kind === ESCAPED) out[pos++] = byte;
      else {
        out[pos++] = DIGIT_ZERO + Math.floor(byte / 100);
        out[pos++] = DIGIT_ZERO + (Math.floor(byte / 10) % 10);
        out[pos++] = DIGIT_ZERO + (byte % 10);
      }
    }
  }
  out[pos++] = DOT;
  return pos;
}
