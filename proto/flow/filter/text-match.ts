import { decodeText } from '../decode-text.ts';
import type { TextMatch } from '../flow-index.ts';

const utf8 = new TextEncoder();

/** From so many values on, a look-up costs less than comparing with each. */
const MANY_VALUES = 8;

/** Whether the text `bytes[start, end)` is `expected`. */
export function equalsText(bytes: Uint8Array, start: number, end: number, expected: Uint8Array): boolean {
  return end - start === expected.length && startsWithText(bytes, start, end, expected);
}

/** Whether the text `bytes[start, end)` begins with `prefix`. */
export function startsWithText(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  const length = prefix.length;
  if (end - start < length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

/** A test whether a text is one of the values. */
export function compileExactMatch(values: readonly string[]): TextMatch {
  if (values.length >= MANY_VALUES) {
    const wanted = new Set(values);
    return (bytes, start, end) => wanted.has(decodeText(bytes, start, end));
  }
  const wanted = values.map((value) => utf8.encode(value));
  return (bytes, start, end) => wanted.some((value) => equalsText(bytes, start, end, value));
}
