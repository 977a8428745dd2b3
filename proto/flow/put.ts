/**
 * Writers of the hot encoder: a position in a view in, the next position out. Up to four bytes go in one store, which is what makes them fast, and why up to three bytes
 * behind the next position may be overwritten: the caller has room for them, and writes from front to back.
 */

/** Seven bits of `value` (below 2^28) in each byte, as a varint has them. */
function spread(value: number): number {
  return (value & 0x7f) | ((value & 0x3f80) << 1) | ((value & 0x1f_c000) << 2) | ((value & 0xfe0_0000) << 3);
}

/** Writes an unsigned integer below 2^53 as a varint. */
export function putNumber(view: DataView, pos: number, value: number): number {
  if (value < 0x80) {
    view.setUint8(pos, value);
    return pos + 1;
  }
  if (value < 0x4000) {
    view.setUint16(pos, spread(value) | 0x80, true);
    return pos + 2;
  }
  if (value < 0x20_0000) {
    view.setUint32(pos, spread(value) | 0x8080, true);
    return pos + 3;
  }
  if (value < 0x1000_0000) {
    view.setUint32(pos, spread(value) | 0x80_8080, true);
    return pos + 4;
  }
  view.setUint32(pos, spread(value % 0x1000_0000) | 0x8080_8080, true);
  return putNumber(view, pos + 4, Math.floor(value / 0x1000_0000));
}

/** Writes a varint field whose tag is one byte (field numbers 1 to 15). */
export function putNumber1(view: DataView, pos: number, tag: number, value: number): number {
  if (value < 0x80) {
    view.setUint16(pos, tag | (value << 8), true);
    return pos + 2;
  }
  view.setUint8(pos, tag);
  return putNumber(view, pos + 1, value);
}

/** Writes a varint field whose tag takes two bytes (field numbers 16 to 2047), the first of them in the low byte of `tag`. */
export function putNumber2(view: DataView, pos: number, tag: number, value: number): number {
  if (value < 0x80) {
    view.setUint32(pos, tag | (value << 16), true);
    return pos + 3;
  }
  view.setUint16(pos, tag, true);
  return putNumber(view, pos + 2, value);
}

/** Bytes that are written often, kept as the words that it takes to write them. */
export class ShortBytes {
  readonly length: number;
  private readonly words: Uint32Array;

  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    const padded = new Uint8Array((bytes.length + 3) & ~3);
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    this.words = Uint32Array.from({ length: padded.length / 4 }, (_, i) => view.getUint32(4 * i, true));
  }

  put(view: DataView, pos: number): number {
    const { words } = this;
    for (let i = 0; i < words.length; i++) view.setUint32(pos + 4 * i, words[i], true);
    return pos + this.length;
  }
}
