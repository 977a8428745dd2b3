import { putVarint } from '../wire.ts';

const LINE_BREAK = 0x0a;
const CARRIAGE_RETURN = 0x0d;
export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;

const ascii = new TextEncoder();
const TRUE = ascii.encode('true');
const FALSE = ascii.encode('false');

/** What stands behind a backslash, and what it means. */
const escapes = new Uint8Array(128);
for (const [letter, meaning] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  escapes[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}

/** Bytes that a string in JSON may have as they are. */
const isPlain = new Uint8Array(256).fill(1, 0x20);
isPlain[QUOTE] = 0;
isPlain[BACKSLASH] = 0;

/** Lengths of messages take two bytes, whatever they are: so nothing has to move once they are known. */
const LENGTH_BYTES = 2;
const MAX_LENGTH = 0x3fff;

/** `2026-03-04T09:15:22`, which most flows share with the one before. */
const SECOND_CHARACTERS = 19;
const latin1 = new TextDecoder('latin1');

/**
 * Moves over JSON's plain values and writes them in the wire format. Every method starts at the position and moves behind what it read; false means that it declines, and
 * then the whole text is given up.
 */
export abstract class JsonValues {
  /** What was written. */
  readonly out: Uint8Array;
  /** Whether the text had bytes beyond ASCII: who cannot be sure that they are UTF-8 has to check it. */
  hasHighBytes = false;
  protected bytes: Uint8Array = new Uint8Array(0);
  protected view: DataView = new DataView(new ArrayBuffer(0));
  /** The position in the text. */
  protected pos = 0;
  /** The position in `out`. */
  protected at = 0;
  private readonly outView: DataView;
  private readonly lastSecond = new Uint8Array(SECOND_CHARACTERS);
  private lastSeconds = 0;

  protected constructor(outBytes: number) {
    this.out = new Uint8Array(outBytes);
    this.outView = new DataView(this.out.buffer);
  }

  /** Points at `bytes[start, end)`; false without a line break or carriage return at `bytes[end]`, which stops every loop. */
  protected begin(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes[end] !== LINE_BREAK && bytes[end] !== CARRIAGE_RETURN) return false;
    if (bytes !== this.bytes) this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.bytes = bytes;
    this.pos = start;
    this.at = 0;
    this.hasHighBytes = false;
    return true;
  }

  protected skipSpace(): void {
    const { bytes } = this;
    while (bytes[this.pos] === 0x20 || bytes[this.pos] === 0x09) this.pos++;
  }

  /** Moves over one character and blanks around it. */
  protected take(character: number): boolean {
    const { bytes } = this;
    if (bytes[this.pos] !== character) {
      this.skipSpace();
      if (bytes[this.pos] !== character) return false;
    }
    this.pos++;
    if (bytes[this.pos] <= 0x20) this.skipSpace();
    return true;
  }

  /** The place behind the closing quote of the word at the position; -1 when there is none. */
  protected wordEnd(): number {
    const { bytes } = this;
    let { pos } = this;
    if (bytes[pos] !== QUOTE) return -1;
    // What no word has in it, such as a backslash, is not in the tables either.
    do pos++;
    while (bytes[pos] !== QUOTE && bytes[pos] >= 0x20);
    return bytes[pos] === QUOTE ? pos + 1 : -1;
  }

  protected open(): number {
    this.at += LENGTH_BYTES;
    return this.at;
  }

  protected close(start: number): boolean {
    const length = this.at - start;
    if (length > MAX_LENGTH) return false;
    this.out[start - 2] = (length & 127) | 128;
    this.out[start - 1] = length >> 7;
    return true;
  }

  protected bool(): boolean {
    const { bytes, pos } = this;
    const isTrue = bytes[pos] === 0x74;
    const word = isTrue ? TRUE : FALSE;
    for (let i = 0; i < word.length; i++) if (bytes[pos + i] !== word[i]) return false;
    this.pos = pos + word.length;
    this.out[this.at++] = isTrue ? 1 : 0;
    return true;
  }

  /** Digits without a sign, up to `max`. Behind them may be a fraction: then no comma or bracket follows, and the message is declined. */
  protected number(max: number): boolean {
    const { bytes, pos: start } = this;
    let pos = start;
    let value = 0;
    for (; bytes[pos] >= ZERO && bytes[pos] <= NINE && pos - start < 11; pos++) {
      value = value * 10 + bytes[pos] - ZERO;
    }
    const length = pos - start;
    if (length === 0 || value > max || (length > 1 && bytes[start] === ZERO)) return false;
    this.pos = pos;
    this.at = putVarint(this.out, this.at, value);
    return true;
  }

  /** `"123"`, exact also beyond what a double holds. */
  protected quotedNumber(): boolean {
    const { bytes } = this;
    if (bytes[this.pos] !== QUOTE) return false;
    const start = this.pos + 1;
    let pos = start;
    let value = 0;
    for (; bytes[pos] >= ZERO && bytes[pos] <= NINE && pos - start < 21; pos++) {
      value = value * 10 + bytes[pos] - ZERO;
    }
    const digits = pos - start;
    if (digits === 0 || bytes[pos] !== QUOTE || (digits > 1 && bytes[start] === ZERO)) return false;
    this.pos = pos + 1;
    if (value > Number.MAX_SAFE_INTEGER)
      return this.bigVarint(BigInt(latin1.decode(bytes.subarray(start, pos))));
    this.at = putVarint(this.out, this.at, value);
    return true;
  }

  private bigVarint(value: bigint): boolean {
    if (value >= 2n ** 64n) return false;
    let rest = value;
    for (; rest > 127n; rest >>= 7n) this.out[this.at++] = Number(rest & 127n) | 128;
    this.out[this.at++] = Number(rest);
    return true;
  }

  protected string(): boolean {
    const { bytes, out } = this;
    if (bytes[this.pos] !== QUOTE) return false;
    let pos = this.pos + 1;
    const lengthAt = this.at;
    // Room for the length, which most often is one byte.
    let at = lengthAt + 1;
    let high = 0;
    for (;;) {
      const copied = this.copyPlain(pos, at);
      pos += copied;
      at += copied;
      let byte = bytes[pos];
      while (isPlain[byte] === 1) {
        high |= byte;
        out[at++] = byte;
        byte = bytes[++pos];
      }
      pos++;
      if (byte === QUOTE) break;
      if (byte !== BACKSLASH) return false;
      const escape = bytes[pos++];
      if (escape === 0x75) {
        const code = hexOf(bytes, pos);
        if (code < 0) return false;
        pos += 4;
        at = putCodePoint(out, at, code);
      } else {
        const meaning = escape < 128 ? escapes[escape] : 0;
        if (meaning === 0) return false;
        out[at++] = meaning;
      }
    }
    if (high > 127) this.hasHighBytes = true;
    this.pos = pos;
    this.at = this.endString(lengthAt, at);
    return true;
  }

  /** Copies text four bytes at a time, up to the first four of which one is a quote, a backslash or no letter. Returns how many bytes that were. */
  private copyPlain(start: number, to: number): number {
    const { view, outView } = this;
    const last = view.byteLength - 4;
    let pos = start;
    let high = 0;
    for (; pos <= last; pos += 4) {
      const four = view.getInt32(pos);
      // A byte of x is 0 where (x - 1) borrows and x has no high bit; below 0x20 likewise.
      const quotes = four ^ 0x22222222;
      const backslashes = four ^ 0x5c5c5c5c;
      const found =
        ((quotes - 0x01010101) & ~quotes) |
        ((backslashes - 0x01010101) & ~backslashes) |
        ((four - 0x20202020) & ~four);
      if ((found & 0x80808080) !== 0) break;
      high |= four;
      outView.setInt32(to + pos - start, four);
    }
    if ((high & 0x80808080) !== 0) this.hasHighBytes = true;
    return pos - start;
  }

  /** Writes the length of a string whose bytes end at `at`; returns where the next field begins. */
  private endString(lengthAt: number, at: number): number {
    const length = at - lengthAt - 1;
    if (length < 128) {
      this.out[lengthAt] = length;
      return at;
    }
    const size = length > MAX_LENGTH ? 3 : 2;
    this.out.copyWithin(lengthAt + size, lengthAt + 1, at);
    putVarint(this.out, lengthAt, length);
    return at + size - 1;
  }

  /** RFC 3339 in UTC, from 1970 on. */
  protected timestamp(): boolean {
    const { bytes, out } = this;
    if (bytes[this.pos] !== QUOTE) return false;
    let pos = this.pos + 1;
    if (!this.isLastSecond(pos) && !this.readSecond(pos)) return false;
    pos += SECOND_CHARACTERS;
    let nanos = 0;
    if (bytes[pos] === 0x2e) {
      const first = ++pos;
      for (; bytes[pos] >= ZERO && bytes[pos] <= NINE && pos - first < 9; pos++) {
        nanos = nanos * 10 + bytes[pos] - ZERO;
      }
      if (pos === first) return false;
      for (let digits = pos - first; digits < 9; digits++) nanos *= 10;
    }
    if (bytes[pos] !== 0x5a || bytes[pos + 1] !== QUOTE) return false;
    this.pos = pos + 2;
    const start = this.open();
    out[this.at++] = 1 << 3;
    this.at = putVarint(out, this.at, this.lastSeconds);
    out[this.at++] = 2 << 3;
    this.at = putVarint(out, this.at, nanos);
    return this.close(start);
  }

  private isLastSecond(pos: number): boolean {
    const { bytes, lastSecond } = this;
    // From behind: that is where times differ.
    for (let i = SECOND_CHARACTERS - 1; i >= 0; i--) if (bytes[pos + i] !== lastSecond[i]) return false;
    return true;
  }

  /** Reads date and time of day at `pos` into `lastSecond` and `lastSeconds`. */
  private readSecond(pos: number): boolean {
    const text = latin1.decode(this.bytes.subarray(pos, pos + SECOND_CHARACTERS));
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)) return false;
    const ms = Date.parse(`${text}Z`);
    if (!(ms >= 0)) return false;
    this.lastSeconds = ms / 1000;
    for (let i = 0; i < SECOND_CHARACTERS; i++) this.lastSecond[i] = this.bytes[pos + i];
    return true;
  }
}

/** The number that four hexadecimal digits give; -1 for anything else, and for half of a surrogate pair. */
function hexOf(bytes: Uint8Array, pos: number): number {
  let code = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[pos + i];
    const letter = byte | 0x20;
    if (byte >= ZERO && byte <= NINE) code = code * 16 + byte - ZERO;
    else if (letter >= 0x61 && letter <= 0x66) code = code * 16 + letter - 0x57;
    else return -1;
  }
  return code >= 0xd800 && code <= 0xdfff ? -1 : code;
}

/** Writes a code point below 2^16 as UTF-8. */
function putCodePoint(out: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    out[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    out[at] = 0xc0 | (code >> 6);
    out[at + 1] = 0x80 | (code & 63);
    return at + 2;
  }
  out[at] = 0xe0 | (code >> 12);
  out[at + 1] = 0x80 | ((code >> 6) & 63);
  out[at + 2] = 0x80 | (code & 63);
  return at + 3;
}
