import { hexPairs } from './put-text.ts';

const DASH = 0x2d;

/**
 * Random version-4 UUIDs (RFC 9562 section 5.4) for flows: unique, cheap, and not secret, so xoshiro128** (Blackman and Vigna, 2018)
 * is enough. Seed it from real randomness: two agents with one seed would give the same names to different flows.
 */
export class UuidSource {
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;

  /** @param seed four words of real randomness, not all zero */
  constructor(seed: Uint32Array) {
    if (seed.length !== 4 || seed.every((word) => word === 0)) {
      throw new RangeError(`UUID seed of ${seed.length} words, expected 4 of which one is not zero`);
    }
    [this.s0, this.s1, this.s2, this.s3] = Int32Array.from(seed);
  }

  /** Writes the next UUID as 36 characters. */
  put(view: DataView, pos: number): number {
    let word = this.next();
    putDigits(view, pos, word);
    putDigits(view, pos + 4, word >>> 16);
    view.setUint8(pos + 8, DASH);
    word = this.next();
    putDigits(view, pos + 9, word);
    view.setUint8(pos + 13, DASH);
    // The version stands in the high half of byte 6, the variant in the highest bits of byte 8.
    putDigits(view, pos + 14, ((word >>> 16) & 0xff0f) | 0x40);
    view.setUint8(pos + 18, DASH);
    word = this.next();
    putDigits(view, pos + 19, (word & 0xff3f) | 0x80);
    view.setUint8(pos + 23, DASH);
    putDigits(view, pos + 24, word >>> 16);
    word = this.next();
    putDigits(view, pos + 28, word);
    putDigits(view, pos + 32, word >>> 16);
    return pos + 36;
  }

  private next(): number {
    const { s0, s1, s2, s3 } = this;
    const scrambled = Math.imul(s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const third = s2 ^ s0;
    const fourth = s3 ^ s1;
    this.s1 = s1 ^ third;
    this.s0 = s0 ^ fourth;
    this.s2 = third ^ (s1 << 9);
    this.s3 = (fourth << 11) | (fourth >>> 21);
    return result;
  }
}

/** Writes the low two bytes of a word as four hex digits, the lowest byte first. */
function putDigits(view: DataView, pos: number, word: number): void {
  view.setUint32(pos, hexPairs[word & 255] | (hexPairs[(word >>> 8) & 255] << 16), true);
}
