import { decodeText } from '../decode-text.ts';

/** Longer texts are cut: they come from the network, and every one is kept. */
export const MAX_TEXT_BYTES = 512;

const SLASH = 0x2f;
const FIRST_SLOTS = 256;
const FIRST_BYTES = 4096;

const utf8 = new TextEncoder();
const nothing = new Uint8Array(0);

/**
 * Texts as small numbers: each text is kept once, as its UTF-8 bytes, and known by the order in which it came. 0 is the empty text.
 * Nothing is decoded until a text is asked for.
 */
export class TextTable {
  /** Changes whenever the numbers given before are of no use any more. */
  generation = 0;
  private bytes = new Uint8Array(FIRST_BYTES);
  /** Where each text ends, and so where the next one begins. */
  private ends = new Int32Array(FIRST_SLOTS);
  private hashes = new Int32Array(FIRST_SLOTS);
  /** Open addressing: a text's number, 0 for a free slot. The empty text needs none. */
  private slots = new Int32Array(FIRST_SLOTS * 2);
  private used = 1;
  /** What texts are hashed with: other in every table, so that nobody can prepare names that collide. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 0;
  private readonly joined = new Uint8Array(MAX_TEXT_BYTES);

  /** Texts kept, the empty one included. */
  get count(): number {
    return this.used;
  }

  /** Bytes of all texts. */
  get byteLength(): number {
    return this.ends[this.used - 1];
  }

  /** The number of the text `bytes[start, end)`, which is copied when it is new; of a longer text than MAX_TEXT_BYTES, that of its beginning. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return 0;
    if (end - start > MAX_TEXT_BYTES) end = cutAt(bytes, start, start + MAX_TEXT_BYTES);
    let hash = this.seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    hash ^= hash >>> 15;
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (let id = slots[slot]; id !== 0; id = slots[slot]) {
      if (this.hashes[id] === hash && this.equals(id, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
    return this.add(slot, hash, bytes, start, end);
  }

  /** The number of `first/second`; of the second alone when the first is empty, and of the empty text when the second is. */
  internPair(
    bytes1: Uint8Array,
    start1: number,
    end1: number,
    bytes2: Uint8Array,
    start2: number,
    end2: number,
  ): number {
    if (start2 === end2) return 0;
    if (start1 === end1) return this.intern(bytes2, start2, end2);
    if (end1 - start1 + 1 + end2 - start2 > MAX_TEXT_BYTES) {
      return this.internText(`${decodeText(bytes1, start1, end1)}/${decodeText(bytes2, start2, end2)}`);
    }
    const { joined } = this;
    let pos = 0;
    for (let i = start1; i < end1; i++) joined[pos++] = bytes1[i];
    joined[pos++] = SLASH;
    for (let i = start2; i < end2; i++) joined[pos++] = bytes2[i];
    return this.intern(joined, 0, pos);
  }

  internText(text: string): number {
    const bytes = utf8.encode(text);
    return this.intern(bytes, 0, bytes.length);
  }

  text(id: number): string {
    return id === 0 ? '' : decodeText(this.bytes, this.ends[id - 1], this.ends[id]);
  }

  /** A text in UTF-8: a view, good until the next text is added. What came from the network and is no UTF-8 has U+FFFD in the places where it is none. */
  utf8(id: number): Uint8Array {
    if (id === 0) return nothing;
    const start = this.ends[id - 1];
    const end = this.ends[id];
    for (let i = start; i < end; i++) {
      if (this.bytes[i] > 127) return utf8.encode(decodeText(this.bytes, start, end));
    }
    return this.bytes.subarray(start, end);
  }

  /** Forgets all texts. */
  clear(): void {
    this.generation++;
    this.used = 1;
    this.slots.fill(0);
  }

  /** Forgets all texts but these, and puts their new numbers into the place of the old ones. */
  retain(ids: Int32Array): void {
    const { bytes, ends } = this;
    const renumbered = new Int32Array(this.used);
    this.bytes = new Uint8Array(bytes.length);
    this.ends = new Int32Array(ends.length);
    this.clear();
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i];
      if (id !== 0 && renumbered[id] === 0) renumbered[id] = this.intern(bytes, ends[id - 1], ends[id]);
      ids[i] = renumbered[id];
    }
  }

  private equals(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.bytes;
    let at = this.ends[id - 1];
    if (this.ends[id] - at !== end - start) return false;
    for (let i = start; i < end; i++) if (own[at++] !== bytes[i]) return false;
    return true;
  }

  private add(slot: number, hash: number, bytes: Uint8Array, start: number, end: number): number {
    const id = this.used++;
    const at = this.ends[id - 1];
    const length = end - start;
    if (at + length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, at + length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[start + i];
    if (id === this.ends.length) {
      this.ends = doubled(this.ends);
      this.hashes = doubled(this.hashes);
    }
    this.ends[id] = at + length;
    this.hashes[id] = hash;
    this.slots[slot] = id;
    if (this.used * 2 > this.slots.length) this.growSlots();
    return id;
  }

  private growSlots(): void {
    const slots = new Int32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 1; id < this.used; id++) {
      let slot = this.hashes[id] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id;
    }
    this.slots = slots;
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}

/** `end`, or a little before it, so that no character is cut in two. */
function cutAt(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (bytes[at] & 0xc0) === 0x80) at--;
  return at > start ? at : end;
}
