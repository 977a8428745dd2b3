import { putHexByte } from './put-text.ts';

const DASH = 0x2d;

/**
 * Random version-4 UUIDs (RFC 9562 section 5.4) for flows: unique, cheap, and not secret, so xoshiro128** (Blackman and Vigna, 2018)
 * is enough. Seed it from real randomness: two agents with one seed would give the same names to different flows.
 */
export class UuidSource {
  private readonly state: Uint32Array;
  private readonly random = new Uint8Array(16);

  /** @param seed four words of real randomness, not all zero */
  constructor(seed: Uint32Array) {
    if (seed.length !== 4 || seed.every((word) => word === 0)) {
      throw new RangeError(`UUID seed of ${seed.length} words, expected 4 of which one is not zero`);
    }
    this.state = seed.slice();
  }

  /** Writes the next UUID as 36 characters. */
  put(out: Uint8Array, pos: number): number {
    const random = this.random;
    for (let i = 0; i < 16; i += 4) {
      const word = this.next();
      random[i] = word;
      random[i + 1] = word >>> 8;
      random[i + 2] = word >>> 16;
      random[i + 3] = word >>> 24;
    }
    random[6] = (random[6] & 0x0f) | 0x40;
    random[8] = (random[8] & 0x3f) | 0x80;
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) out[pos++] = DASH;
      pos = putHexByte(out, pos, random[i]);
    }
    return pos;
  }

  private next(): number {
    const s = this.state;
    const scrambled = Math.imul(s[1], 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }
}
