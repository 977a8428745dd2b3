import type { JsonBytes } from './json-bytes.ts';

/** Writes the JSON that an encoded message becomes, which must depend on nothing but its bytes. `out` has room for it. */
export type WritePart = (bytes: Uint8Array, start: number, end: number, out: JsonBytes) => void;

/** A longer message is not worth keeping. */
const MAX_KEY = 4096;
/** Bytes kept for each message, both forms together, on the average. */
const BYTES_PER_ENTRY = 1024;

/**
 * Remembers what encoded messages became: those that say the same in flow after flow, such as the pods at their ends. What is known is hashed, compared and copied instead of being read. Of bounded
 * size: when it is full it begins anew.
 */
export class FragmentMemo {
  private readonly make: WritePart;
  private readonly maxEntries: number;
  private readonly slots: Int32Array;
  private readonly hashes: Int32Array;
  /** Where the message of each entry stands in `store`, its JSON behind it, and where that ends. */
  private readonly places: Int32Array;
  /** Other in every memory, so that nobody can prepare names that collide. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 0;
  private store = new Uint8Array(4096);
  private storeView = new DataView(this.store.buffer);
  /** The array that messages were in of late, and a view on it: both are read a word at a time. */
  private bytes: Uint8Array = this.store;
  private view: DataView = this.storeView;
  private used = 0;
  private count = 0;

  /** @param maxEntries a power of two: how many messages are kept */
  constructor(maxEntries: number, make: WritePart) {
    this.make = make;
    this.maxEntries = maxEntries;
    this.slots = new Int32Array(2 * maxEntries).fill(-1);
    this.hashes = new Int32Array(maxEntries);
    this.places = new Int32Array(3 * maxEntries);
  }

  /** Writes what the message `bytes[start, end)` becomes. Throws what `make` throws. */
  put(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    const length = end - start;
    if (length > MAX_KEY) {
      this.make(bytes, start, end, out);
      return;
    }
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    const { slots, hashes, places, store, storeView, view } = this;
    const hash = hashOf(this.seed, view, start, end);
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot];
      if (entry < 0) {
        this.add(bytes, start, end, hash, slot, out);
        return;
      }
      if (hashes[entry] !== hash) continue;
      const from = places[3 * entry];
      const json = places[3 * entry + 1];
      if (json - from !== length || !isSame(storeView, from, view, start, length)) continue;
      out.putRange(store, json, places[3 * entry + 2]);
      return;
    }
  }

  private add(
    bytes: Uint8Array,
    start: number,
    end: number,
    hash: number,
    slot: number,
    out: JsonBytes,
  ): void {
    const jsonStart = out.at;
    this.make(bytes, start, end, out);
    const from = this.used;
    const json = from + end - start;
    const to = json + out.at - jsonStart;
    if (this.count === this.maxEntries || to > this.maxEntries * BYTES_PER_ENTRY) {
      this.slots.fill(-1);
      this.used = 0;
      this.count = 0;
      return;
    }
    if (to > this.store.length) {
      const larger = new Uint8Array(Math.max(to, 2 * this.store.length));
      larger.set(this.store);
      this.store = larger;
      this.storeView = new DataView(larger.buffer);
    }
    this.store.set(bytes.subarray(start, end), from);
    this.store.set(out.bytes.subarray(jsonStart, out.at), json);
    const entry = this.count++;
    this.places[3 * entry] = from;
    this.places[3 * entry + 1] = json;
    this.places[3 * entry + 2] = to;
    this.used = to;
    this.hashes[entry] = hash;
    this.slots[slot] = entry;
  }
}

function hashOf(seed: number, view: DataView, start: number, end: number): number {
  let hash = seed ^ (end - start);
  let i = start;
  for (; i + 8 <= end; i += 8) {
    hash =
      Math.imul(hash ^ view.getInt32(i, true), 0x9e3779b1) ^
      Math.imul(view.getInt32(i + 4, true), 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  for (; i + 4 <= end; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(i, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), 0x9e3779b1);
  return hash ^ (hash >>> 13);
}

function isSame(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4)
    if (a.getInt32(aStart + i, true) !== b.getInt32(bStart + i, true)) return false;
  for (; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false;
  return true;
}
