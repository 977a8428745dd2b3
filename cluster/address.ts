import { parseCidr, parseIp, rangeContains } from '../proto/flow/ip.ts';

export { parseCidr, parseIp };

/**
 * Text of 4 or 16 address bytes in the one canonical form: dotted decimal, or RFC 5952 (lower case, no leading zeros, the longest run of two or more zero
 * groups as `::`, the first of equal runs). An IPv4-mapped IPv6 address ends in dotted decimal, as Go's net/netip prints it.
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new TypeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i] << 8) | bytes[2 * i + 1]);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12).join('.')}`;
  }
  const { start, length } = longestZeroRun(groups);
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** The canonical text of an address, or null when the text is none. IPv4-mapped IPv6 becomes IPv4: on the wire it is that. */
export function canonicalIp(text: string): string | null {
  const bytes = parseIp(text);
  if (bytes === null) return null;
  const canonical = formatIp(bytes);
  return canonical.startsWith('::ffff:') && canonical.includes('.')
    ? formatIp(bytes.subarray(12))
    : canonical;
}

/** The canonical text of a range, host bits cleared (`10.1.2.3/16` is `10.1.0.0/16`), or null when the text is none. */
export function canonicalCidr(text: string): string | null {
  const cidr = parseCidr(text);
  if (cidr === null) return null;
  const masked = cidr.bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, cidr.bits - 8 * i))));
  return `${formatIp(masked)}/${cidr.bits}`;
}

/** Whether a range, canonical or not, is the other or lies in it. False where one of them is none. */
export function isRangeInside(inner: string, outer: string): boolean {
  const a = parseCidr(inner);
  const b = parseCidr(outer);
  return a !== null && b !== null && a.bits >= b.bits && rangeContains(b, a.bytes);
}
