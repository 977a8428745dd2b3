/** Slots of an empty table; a power of two. */
const FIRST_SLOTS = 1024;

/**
 * Numbers for strings of bytes, such as whole encoded messages: what was seen before is found again without being decoded. Exact: hashes only lead to the bytes that are
 * compared.
 */
export class ByteTable {
  private bytes = new Uint8Array(64 * 1024);
  private view = new DataView(this.bytes.buffer);
  /** Where each string begins; that of number n ends where n + 1 begins, up to three bytes of padding before. */
  private starts = new Int32Array(FIRST_SLOTS);
  private lengths = new Int32Array(FIRST_SLOTS);
  private hashes = new Int32Array(FIRST_SLOTS);
  private values = new Int32Array(FIRST_SLOTS);
  /** Open addressing: number + 1, 0 for a free slot. */
  private slots = new Int32Array(FIRST_SLOTS * 2);
  private count = 0;
  private used = 0;
  /** Other in every table, so that nobody can prepare bytes that collide. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 0;
  private readonly maxBytes: number;
  private inputBuffer: ArrayBufferLike = this.bytes.buffer;
  private input: DataView = this.view;
  private hash = 0;

  /** @param maxBytes the table forgets everything when it would keep more than so many */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The value that was set for `bytes[start, end)`, or -1. */
  get(bytes: Uint8Array, start: number, end: number): number {
    if (bytes.buffer !== this.inputBuffer) {
      this.inputBuffer = bytes.buffer;
      this.input = new DataView(bytes.buffer);
    }
    const { input, slots } = this;
    const from = bytes.byteOffset + start;
    const length = end - start;
    this.hash = this.hashOf(input, from, length);
    const mask = slots.length - 1;
    for (let slot = this.hash & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const number = slots[slot] - 1;
      if (this.hashes[number] === this.hash && this.equals(number, input, from, length))
        return this.values[number];
    }
    return -1;
  }

  /** Sets the value, 0 or above, of the bytes that `get` was asked for last, and has not found. */
  set(bytes: Uint8Array, start: number, end: number, value: number): void {
    const length = end - start;
    if (length > this.maxBytes) return;
    if (this.used + length > this.maxBytes) this.clear();
    const number = this.count++;
    if (number === this.starts.length) this.growNumbers();
    this.keep(bytes, start, end);
    this.starts[number] = this.used;
    this.lengths[number] = length;
    this.hashes[number] = this.hash;
    this.values[number] = value;
    this.used += (length + 3) & ~3; // so that words of kept bytes are aligned
    if (this.count * 2 > this.slots.length) this.slots = new Int32Array(this.slots.length * 2);
    else {
      this.place(number);
      return;
    }
    for (let i = 0; i < this.count; i++) this.place(i);
  }

  private clear(): void {
    this.count = 0;
    this.used = 0;
    this.slots.fill(0);
  }

  private place(number: number): void {
    const mask = this.slots.length - 1;
    let slot = this.hashes[number] & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = number + 1;
  }

  /** Four bytes at a time: most of the work of a flow is to hash its two ends. */
  private hashOf(view: DataView, from: number, length: number): number {
    let hash = this.seed ^ length;
    const words = from + (length & ~3);
    let at = from;
    for (; at < words; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (const end = from + length; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
    return hash ^ (hash >>> 13);
  }

  private equals(number: number, view: DataView, from: number, length: number): boolean {
    if (this.lengths[number] !== length) return false;
    const own = this.view;
    let at = this.starts[number];
    let other = from;
    for (const words = from + (length & ~3); other < words; other += 4, at += 4) {
      if (own.getInt32(at, true) !== view.getInt32(other, true)) return false;
    }
    for (const end = from + length; other < end; other++, at++) {
      if (own.getUint8(at) !== view.getUint8(other)) return false;
    }
    return true;
  }

  private keep(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.used + end - start;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed + 3));
      grown.set(this.bytes.subarray(0, this.used));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    this.bytes.set(bytes.subarray(start, end), this.used);
  }

  private growNumbers(): void {
    this.starts = doubled(this.starts);
    this.lengths = doubled(this.lengths);
    this.hashes = doubled(this.hashes);
    this.values = doubled(this.values);
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}
