/**
 * Writers of addresses as text, straight from packet bytes into the encoder's buffer. Positions in, next position out.
 */

const HEX = '0123456789abcdef';

/** Character codes of a byte as two hex digits, high digit in the low byte. */
const hexPairs = Uint16Array.from(
  { length: 256 },
  (_, byte) => HEX.charCodeAt(byte >> 4) | (HEX.charCodeAt(byte & 15) << 8),
);

/** Decimal text of every byte: digits packed from the low byte on, count in the top byte. */
const decimals = Uint32Array.from({ length: 256 }, (_, byte) => {
  const text = String(byte);
  let packed = text.length << 24;
  for (let i = 0; i < text.length; i++) packed |= text.charCodeAt(i) << (8 * i);
  return packed;
});

const DOT = 0x2e;
const COLON = 0x3a;

/** Writes a byte as two lower-case hex digits. */
export function putHexByte(out: Uint8Array, pos: number, byte: number): number {
  const pair = hexPairs[byte];
  out[pos] = pair & 255;
  out[pos + 1] = pair >> 8;
  return pos + 2;
}

function putDecimalByte(out: Uint8Array, pos: number, byte: number): number {
  let packed = decimals[byte];
  for (let left = packed >>> 24; left > 0; left--) {
    out[pos++] = packed & 255;
    packed >>>= 8;
  }
  return pos;
}

/** Writes the IPv4 address at `bytes[at..at+4)` in dotted form. */
export function putIpv4Text(out: Uint8Array, pos: number, bytes: Uint8Array, at: number): number {
  pos = putDecimalByte(out, pos, bytes[at]);
  out[pos++] = DOT;
  pos = putDecimalByte(out, pos, bytes[at + 1]);
  out[pos++] = DOT;
  pos = putDecimalByte(out, pos, bytes[at + 2]);
  out[pos++] = DOT;
  return putDecimalByte(out, pos, bytes[at + 3]);
}

/** Writes the MAC address at `bytes[at..at+6)` as `aa:bb:cc:dd:ee:ff`. */
export function putMacText(out: Uint8Array, pos: number, bytes: Uint8Array, at: number): number {
  pos = putHexByte(out, pos, bytes[at]);
  for (let i = 1; i < 6; i++) {
    out[pos++] = COLON;
    pos = putHexByte(out, pos, bytes[at + i]);
  }
  return pos;
}

function putHexGroup(out: Uint8Array, pos: number, group: number): number {
  let shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;
  for (; shift >= 0; shift -= 4) out[pos++] = HEX.charCodeAt((group >> shift) & 15);
  return pos;
}

/**
 * Writes the IPv6 address at `bytes[at..at+16)` in the form of RFC 5952 section 4: lower case, no leading zeros, the first longest run
 * of two or more zero groups as `::`. IPv4-mapped addresses end in dotted form, as RFC 5952 section 5 recommends.
 */
export function putIpv6Text(out: Uint8Array, pos: number, bytes: Uint8Array, at: number): number {
  let bestStart = -1;
  let bestLength = 1;
  let runStart = -1;
  for (let group = 0; group <= 8; group++) {
    const zero = group < 8 && bytes[at + 2 * group] === 0 && bytes[at + 2 * group + 1] === 0;
    if (zero) {
      if (runStart < 0) runStart = group;
    } else if (runStart >= 0) {
      if (group - runStart > bestLength) {
        bestStart = runStart;
        bestLength = group - runStart;
      }
      runStart = -1;
    }
  }
  const mapped = bestStart === 0 && bestLength === 5 && bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
  for (let group = 0; group < 8; group++) {
    if (group === bestStart) {
      out[pos++] = COLON;
      if (group === 0) out[pos++] = COLON;
      group += bestLength - 1;
      continue;
    }
    if (mapped && group === 6) return putIpv4Text(out, pos, bytes, at + 12);
    pos = putHexGroup(out, pos, (bytes[at + 2 * group] << 8) | bytes[at + 2 * group + 1]);
    if (group < 7) out[pos++] = COLON;
  }
  return pos;
}
