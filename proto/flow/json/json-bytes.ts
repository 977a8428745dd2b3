import { decodeText } from '../decode-text.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Bytes that a string in JSON may have as they are, ASCII only: what stands beyond has to be checked first. */
const isPlain = new Uint8Array(256).fill(1, 0x20, 0x7f);
isPlain[QUOTE] = 0;
isPlain[0x5c] = 0;

const utf8 = new TextEncoder();

/** Constant JSON as bytes, for `put`. */
export function jsonBytes(text: string): Uint8Array {
  return utf8.encode(text);
}

/** Constant JSON as words, for `putWords`. */
export interface JsonWords {
  readonly length: number;
  /** Four bytes at a time; what the last has beyond the length means nothing. */
  readonly words: Int32Array;
}

export function jsonWords(text: string): JsonWords {
  const bytes = utf8.encode(text);
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  return {
    length: bytes.length,
    words: Int32Array.from({ length: padded.length / 4 }, (_, i) => view.getInt32(4 * i, true)),
  };
}

/** Writes JSON as UTF-8 into a buffer that grows. Room is made by `reserve`, once for many writes; nothing here checks for more. */
export class JsonBytes {
  bytes: Uint8Array = new Uint8Array(64 * 1024);
  /** On all of `bytes`. */
  view: DataView = new DataView(this.bytes.buffer);
  /** Where the next byte goes. */
  at = 0;

  /** Makes room for so many bytes behind the position. */
  reserve(count: number): void {
    const needed = this.at + count;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  /** Copies JSON as it is. */
  put(json: Uint8Array): void {
    const { bytes, at } = this;
    const { length } = json;
    // `set` wins only from some 24 bytes on; below, its call costs more than the loop.
    if (length > 24) bytes.set(json, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = json[i];
    this.at = at + length;
  }

  /** Copies JSON as it is, and up to three bytes behind it, for which there has to be room. */
  putWords({ length, words }: JsonWords): void {
    const { view, at } = this;
    for (let i = 0; i < words.length; i++) view.setInt32(at + 4 * i, words[i], true);
    this.at = at + length;
  }

  /** Copies the JSON `source[start, end)` as it is. */
  putRange(source: Uint8Array, start: number, end: number): void {
    const { bytes, at } = this;
    const length = end - start;
    if (length > 32) bytes.set(source.subarray(start, end), at);
    else for (let i = 0; i < length; i++) bytes[at + i] = source[start + i];
    this.at = at + length;
  }

  putByte(byte: number): void {
    this.bytes[this.at++] = byte;
  }

  /** Takes back a comma that nothing followed. */
  dropComma(): void {
    if (this.bytes[this.at - 1] === COMMA) this.at--;
  }

  /** Writes the UTF-8 text `source[start, end)` as a string. What is no UTF-8 becomes U+FFFD. */
  putString(source: Uint8Array, start: number, end: number): void {
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = QUOTE;
    for (let i = start; i < end; i++) {
      const byte = source[i];
      if (isPlain[byte] === 0) {
        this.put(utf8.encode(JSON.stringify(decodeText(source, start, end).toWellFormed())));
        return;
      }
      bytes[at++] = byte;
    }
    bytes[at++] = QUOTE;
    this.at = at;
  }

  /** Writes an integer between -2^53 and 2^53. */
  putInteger(value: number): void {
    if (value < 0) this.putByte(MINUS);
    this.putNumber(Math.abs(value));
  }

  /** Writes an unsigned integer below 2^53. */
  putNumber(value: number): void {
    if (value > 0x7fffffff) {
      this.put(utf8.encode(String(value)));
      return;
    }
    const { bytes, at } = this;
    let count = 1;
    for (let limit = 10; limit <= value; limit *= 10) count++;
    let rest = value;
    for (let i = at + count - 1; i >= at; i--) {
      const tens = (rest / 10) | 0;
      bytes[i] = ZERO + rest - 10 * tens;
      rest = tens;
    }
    this.at = at + count;
  }
}
