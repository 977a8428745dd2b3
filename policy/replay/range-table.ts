import { parseCidr, parseIp } from '../../cluster/address.ts';

/** Ranges of addresses, of which the longest around an address is found by a look for each length that there is. */
export class RangeTable {
  private readonly ranges = new Map<string, string>();
  /** Lengths of each family's ranges, the longest first. */
  private readonly lengths: Readonly<Record<number, readonly number[]>>;

  /** @param cidrs canonical text */
  constructor(cidrs: Iterable<string>) {
    const lengths: Record<number, Set<number>> = { 4: new Set(), 16: new Set() };
    for (const text of cidrs) {
      const cidr = parseCidr(text);
      if (cidr === null) continue;
      this.ranges.set(keyOf(cidr.bytes, cidr.bits), text);
      lengths[cidr.bytes.length].add(cidr.bits);
    }
    const sorted = (bytes: number): number[] => [...lengths[bytes]].sort((a, b) => b - a);
    this.lengths = { 4: sorted(4), 16: sorted(16) };
  }

  /** The longest range around an address, or null. */
  longest(address: string): string | null {
    const bytes = parseIp(address);
    if (bytes === null) return null;
    for (const bits of this.lengths[bytes.length]) {
      const range = this.ranges.get(keyOf(bytes, bits));
      if (range !== undefined) return range;
    }
    return null;
  }
}

function keyOf(bytes: Uint8Array, bits: number): string {
  let key = `${bytes.length}/${bits}`;
  for (let i = 0; i * 8 < bits; i++) {
    const rest = bits - i * 8;
    key += `.${rest >= 8 ? bytes[i] : bytes[i] & (0xff00 >> rest)}`;
  }
  return key;
}
