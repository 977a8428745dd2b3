import { getTextEncoding } from '@bufbuild/protobuf/wire';
import { jsonString } from '../text/json-string.ts';
import { WireError } from '../wire.ts';
import { type JsonBytes, jsonBytes } from './json-bytes.ts';

const QUOTE = 0x22;

/** Bytes that a string has as they are: ASCII, and nothing that Go's encoder escapes. */
const isPlain = new Uint8Array(256).fill(1, 0x20, 0x80);
for (const character of '"\\<>&') isPlain[character.charCodeAt(0)] = 0;

/** Whether four bytes of text, in one integer, are all plain; a byte of x is 0 where x - 1 borrows and x has no high bit. */
function arePlain(four: number): boolean {
  const quotes = (four | 0x04040404) ^ 0x26262626; // " and &
  const brackets = (four | 0x02020202) ^ 0x3e3e3e3e; // < and >
  const backslashes = four ^ 0x5c5c5c5c;
  const found =
    ((quotes - 0x01010101) & ~quotes) |
    ((brackets - 0x01010101) & ~brackets) |
    ((backslashes - 0x01010101) & ~backslashes) |
    (four - 0x20202020) |
    four;
  return (found & 0x80808080) === 0;
}

/** Writes the text `bytes[start, end)`, on all of which `view` is, as a string: escaped as Go's encoder does. Throws WireError for what is no UTF-8. */
export function putString(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: JsonBytes,
): void {
  const { bytes: to, view: toView } = out;
  let { at } = out;
  to[at++] = QUOTE;
  let i = start;
  for (; i + 4 <= end; i += 4, at += 4) {
    const four = view.getInt32(i, true);
    if (!arePlain(four)) break;
    toView.setInt32(at, four, true);
  }
  for (; i < end; i++) {
    const byte = bytes[i];
    if (isPlain[byte] === 0) {
      putOddString(bytes, start, end, out);
      return;
    }
    to[at++] = byte;
  }
  to[at++] = QUOTE;
  out.at = at;
}

function putOddString(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
  let text: string;
  try {
    text = getTextEncoding().decodeUtf8(bytes.subarray(start, end), true);
  } catch {
    throw new WireError('malformed', 'text that is no UTF-8');
  }
  out.put(jsonBytes(jsonString(text)));
}
