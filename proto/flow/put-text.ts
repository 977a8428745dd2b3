/**
 * Writers of addresses as text, from packet bytes into the encoder's buffer. As in put.ts, up to three bytes behind the next position may be overwritten.
 */

const HEX = '0123456789abcdef';
const COLON = 0x3a;
const DOT = 0x2e;

/** Two lower-case hex digits of every byte, the high digit in the low byte. */
export const hexPairs = Uint16Array.from(
  { length: 256 },
  (_, byte) => HEX.charCodeAt(byte >> 4) | (HEX.charCodeAt(byte & 15) << 8),
);

/** Decimal digits of every byte, the first in the low byte, and a dot behind them. */
const dottedBytes = Uint32Array.from({ length: 256 }, (_, byte) => {
  const digits = String(byte);
  let packed = DOT << (8 * digits.length);
  for (let i = 0; i < digits.length; i++) packed |= digits.charCodeAt(i) << (8 * i);
  return packed;
});

function putDotted(view: DataView, pos: number, byte: number): number {
  view.setUint32(pos, dottedBytes[byte], true);
  return pos + (byte > 99 ? 4 : byte > 9 ? 3 : 2);
}

/** Writes the IPv4 address at `bytes[at..at+4)` in dotted form. */
export function putIpv4Text(view: DataView, pos: number, bytes: Uint8Array, at: number): number {
  pos = putDotted(view, pos, bytes[at]);
  pos = putDotted(view, pos, bytes[at + 1]);
  pos = putDotted(view, pos, bytes[at + 2]);
  return putDotted(view, pos, bytes[at + 3]) - 1;
}

/** Writes the MAC address at `bytes[at..at+6)` as `aa:bb:cc:dd:ee:ff`. */
export function putMacText(view: DataView, pos: number, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 6; i++) view.setUint32(pos + 3 * i, hexPairs[bytes[at + i]] | (COLON << 16), true);
  return pos + 17;
}

/** Writes a group of an IPv6 address without leading zeros. */
function putHexGroup(view: DataView, pos: number, group: number): number {
  const digits = hexPairs[group >> 8] | (hexPairs[group & 255] << 16);
  const zeros = group > 0xfff ? 0 : group > 0xff ? 1 : group > 0xf ? 2 : 3;
  view.setUint32(pos, digits >>> (8 * zeros), true);
  return pos + 4 - zeros;
}

/** Where the first longest run of two or more zero groups of an IPv6 address begins, times 16, and its length; 0 = there is none (no address starts with a run of none). */
function longestZeroRun(bytes: Uint8Array, at: number): number {
  let best = 0;
  let bestLength = 1;
  let start = -1;
  for (let group = 0; group <= 8; group++) {
    const isZero = group < 8 && (bytes[at + 2 * group] | bytes[at + 2 * group + 1]) === 0;
    if (isZero && start < 0) start = group;
    else if (!isZero && start >= 0) {
      if (group - start > bestLength) {
        bestLength = group - start;
        best = (start << 4) | bestLength;
      }
      start = -1;
    }
  }
  return best;
}

/**
 * Writes the IPv6 address at `bytes[at..at+16)` in the form of RFC 5952 section 4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`.
 * IPv4-mapped addresses end in dotted form, as RFC 5952 section 5 recommends.
 */
export function putIpv6Text(view: DataView, pos: number, bytes: Uint8Array, at: number): number {
  const run = longestZeroRun(bytes, at);
  const runStart = run === 0 ? 8 : run >> 4;
  const runLength = run & 15;
  const isMapped = runStart === 0 && runLength === 5 && (bytes[at + 10] & bytes[at + 11]) === 0xff;
  for (let group = 0; group < 8; group++) {
    if (group === runStart) {
      view.setUint16(pos, COLON | (COLON << 8), true);
      pos += group === 0 ? 2 : 1;
      group += runLength - 1;
      continue;
    }
    if (isMapped && group === 6) return putIpv4Text(view, pos, bytes, at + 12);
    pos = putHexGroup(view, pos, (bytes[at + 2 * group] << 8) | bytes[at + 2 * group + 1]);
    if (group < 7) view.setUint8(pos++, COLON);
  }
  return pos;
}
