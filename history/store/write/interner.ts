import { ByteWriter } from '../format/byte-io.ts';

const FIRST_ENTRIES = 1024;
/** Longer texts are not worth keeping: the flow itself is asked. */
const MAX_ENTRY_BYTES = 16 * 1024;

/** Bounds of one kind of dictionary entries. */
export interface InternerBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Gives equal bytes the same number, from 1 on; 0 stands for what there is no room for. Entries are kept back to back. */
export class Interner {
  private readonly bounds: InternerBounds;
  private arena = Buffer.alloc(64 * 1024);
  /** End of each entry in the arena; entry 0 is nothing. */
  private ends = new Uint32Array(FIRST_ENTRIES);
  private hashes = new Int32Array(FIRST_ENTRIES);
  private slots = new Int32Array(FIRST_ENTRIES * 2);
  private used = 1;
  /** Entries that were saved already. */
  private saved = 1;

  constructor(bounds: InternerBounds) {
    this.bounds = bounds;
  }

  /** Numbers given, 0 included. */
  get count(): number {
    return this.used;
  }

  get hasUnsaved(): boolean {
    return this.saved < this.used;
  }

  /** The number of `bytes[start, end)`; cheaper when `guess` is that number, most of the time. */
  internLike(guess: number, bytes: Uint8Array, start: number, end: number): number {
    return guess !== 0 && this.isEntry(guess, bytes, start, end) ? guess : this.intern(bytes, start, end);
  }

  /** The number of `bytes[start, end)`. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (let id = this.slots[slot]; id !== 0; id = this.slots[slot]) {
      if (this.hashes[id] === hash && this.isEntry(id, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
    return this.add(bytes, start, end, hash);
  }

  /** The entries since the last call, for the dictionary's file: number of the first, their lengths, their bytes. */
  save(out: ByteWriter): void {
    const first = this.saved;
    const lengths = new Uint32Array(this.used - first);
    for (let id = first; id < this.used; id++) lengths[id - first] = this.ends[id] - this.ends[id - 1];
    out.u32(first);
    out.block(new Uint8Array(lengths.buffer));
    out.block(this.arena.subarray(this.ends[first - 1], this.ends[this.used - 1]));
    this.saved = this.used;
  }

  private isEntry(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.ends[id - 1];
    const length = end - start;
    if (this.ends[id] - from !== length) return false;
    const { arena } = this;
    // A call costs as much as a loop over some dozens of bytes.
    if (length > 64) return arena.compare(bytes, start, end, from, from + length) === 0;
    for (let i = 0; i < length; i++) if (arena[from + i] !== bytes[start + i]) return false;
    return true;
  }

  private add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const from = this.ends[this.used - 1];
    const to = from + end - start;
    const { maxEntries, maxBytes } = this.bounds;
    if (this.used > maxEntries || to > maxBytes || end - start > MAX_ENTRY_BYTES) return 0;
    const id = this.used++;
    if (id === this.ends.length) this.growEntries();
    if (to > this.arena.length) {
      const grown = Buffer.alloc(Math.max(to, this.arena.length * 2));
      this.arena.copy(grown, 0, 0, from);
      this.arena = grown;
    }
    for (let i = 0; i < end - start; i++) this.arena[from + i] = bytes[start + i];
    this.ends[id] = to;
    this.hashes[id] = hash;
    this.place(id);
    return id;
  }

  private place(id: number): void {
    const mask = this.slots.length - 1;
    let slot = this.hashes[id] & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = id;
  }

  private growEntries(): void {
    const entries = this.ends.length * 2;
    const ends = new Uint32Array(entries);
    ends.set(this.ends);
    const hashes = new Int32Array(entries);
    hashes.set(this.hashes);
    this.ends = ends;
    this.hashes = hashes;
    this.slots = new Int32Array(entries * 2);
    for (let id = 1; id < this.used - 1; id++) this.place(id);
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let pos = start;
  for (; pos + 4 <= end; pos += 4) {
    const word = bytes[pos] | (bytes[pos + 1] << 8) | (bytes[pos + 2] << 16) | (bytes[pos + 3] << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1 | 0);
    hash ^= hash >>> 15;
  }
  for (; pos < end; pos++) hash = Math.imul(hash ^ bytes[pos], 0x9e3779b1 | 0);
  return hash ^ (hash >>> 13);
}
