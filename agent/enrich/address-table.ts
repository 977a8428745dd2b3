/** A value by IP address, looked up by the address bytes of a packet without making text of them. */
export class AddressTable<T> {
  private readonly ipv4 = new Map<number, T>();
  private readonly ipv6 = new Ipv6Table<T>();

  get size(): number {
    return this.ipv4.size + this.ipv6.size;
  }

  /** @param address 4 or 16 bytes */
  set(address: Uint8Array, value: T): void {
    if (address.length === 4) this.ipv4.set(readWord(address, 0), value);
    else this.ipv6.set(address, value);
  }

  delete(address: Uint8Array): void {
    if (address.length === 4) this.ipv4.delete(readWord(address, 0));
    else this.ipv6.delete(address);
  }

  /** Looks up the address that starts at `bytes[at]`. */
  get(bytes: Uint8Array, at: number, isIpv6: boolean): T | undefined {
    return isIpv6 ? this.ipv6.get(bytes, at) : this.ipv4.get(readWord(bytes, at));
  }
}

const INITIAL_SLOTS = 64;

/**
 * A hash table with open addressing and linear probing over the four words of an address: a Map would need a string or a bigint per lookup, ten times the cost. At most half
 * of the slots are used.
 */
class Ipv6Table<T> {
  private words = new Int32Array(INITIAL_SLOTS * 4);
  private values: (T | undefined)[] = Array.from({ length: INITIAL_SLOTS }, () => undefined);
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(bytes: Uint8Array, at: number): T | undefined {
    return this.values[
      this.slotOf(
        readWord(bytes, at),
        readWord(bytes, at + 4),
        readWord(bytes, at + 8),
        readWord(bytes, at + 12),
      )
    ];
  }

  set(address: Uint8Array, value: T): void {
    if (this.count * 2 >= this.values.length) this.grow();
    const [a, b, c, d] = [0, 4, 8, 12].map((at) => readWord(address, at));
    const slot = this.slotOf(a, b, c, d);
    if (this.values[slot] === undefined) this.count++;
    this.words.set([a, b, c, d], slot * 4);
    this.values[slot] = value;
  }

  /** Those behind a deleted one move up, so that probing never meets a gap before what it looks for. */
  delete(address: Uint8Array): void {
    const [a, b, c, d] = [0, 4, 8, 12].map((at) => readWord(address, at));
    let gap = this.slotOf(a, b, c, d);
    if (this.values[gap] === undefined) return;
    const mask = this.values.length - 1;
    this.values[gap] = undefined;
    this.count--;
    for (let slot = (gap + 1) & mask; this.values[slot] !== undefined; slot = (slot + 1) & mask) {
      const { words } = this;
      const home = this.homeOf(
        words[slot * 4],
        words[slot * 4 + 1],
        words[slot * 4 + 2],
        words[slot * 4 + 3],
      );
      // It may move if its home is not behind the gap.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      words.copyWithin(gap * 4, slot * 4, slot * 4 + 4);
      this.values[gap] = this.values[slot];
      this.values[slot] = undefined;
      gap = slot;
    }
  }

  private homeOf(a: number, b: number, c: number, d: number): number {
    let hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15) ^ d, 0x27d4eb2f);
    return (hash ^ (hash >>> 13)) & (this.values.length - 1);
  }

  /** Where the address is, or would go. */
  private slotOf(a: number, b: number, c: number, d: number): number {
    const { words, values } = this;
    const mask = values.length - 1;
    let slot = this.homeOf(a, b, c, d);
    while (values[slot] !== undefined) {
      const at = slot * 4;
      if (words[at + 3] === d && words[at + 2] === c && words[at + 1] === b && words[at] === a) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private grow(): void {
    const { words, values } = this;
    this.values = Array.from({ length: values.length * 2 }, () => undefined);
    this.words = new Int32Array(values.length * 8);
    for (const [slot, value] of values.entries()) {
      if (value === undefined) continue;
      const key = words.subarray(slot * 4, slot * 4 + 4);
      const to = this.slotOf(key[0], key[1], key[2], key[3]);
      this.words.set(key, to * 4);
      this.values[to] = value;
    }
  }
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
