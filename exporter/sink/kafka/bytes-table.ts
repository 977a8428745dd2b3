/** Beyond this many entries the table begins anew: what is remembered costs memory, what is forgotten is found out again. */
const MAX_ENTRIES = 65_536;
/** So many bytes at either end decide on the hash, every second of them: numbers stand in front in an endpoint, names at its end. */
const HASHED_BYTES = 48;

interface Entry<T> {
  readonly bytes: Buffer;
  readonly value: T;
  /** Another one with the same hash. */
  readonly next: Entry<T> | undefined;
}

/** Remembers something of pieces of bytes, so that what was found out of them once is not found out again. */
export class BytesTable<T> {
  private readonly entries = new Map<number, Entry<T>>();
  private size = 0;

  /** What was added for the same bytes. */
  find(bytes: Buffer, start: number, end: number): T | undefined {
    let entry = this.entries.get(hashOf(bytes, start, end));
    while (entry !== undefined) {
      const { length } = entry.bytes;
      if (length === end - start && bytes.compare(entry.bytes, 0, length, start, end) === 0)
        return entry.value;
      entry = entry.next;
    }
    return undefined;
  }

  /** Adds what `find` did not find; keeps a copy of the bytes. */
  add(bytes: Buffer, start: number, end: number, value: T): T {
    if (this.size >= MAX_ENTRIES) {
      this.entries.clear();
      this.size = 0;
    }
    const hash = hashOf(bytes, start, end);
    const copy = Buffer.from(bytes.subarray(start, end));
    this.entries.set(hash, { bytes: copy, value, next: this.entries.get(hash) });
    this.size++;
    return value;
  }
}

/** FNV-1a (RFC 9923) over some of the bytes, and their number. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = (0x811c9dc5 ^ (end - start)) | 0;
  const headEnd = Math.min(end, start + HASHED_BYTES / 3);
  for (let i = start; i < headEnd; i += 2) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  for (let i = Math.max(headEnd, end - HASHED_BYTES); i < end; i += 2)
    hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash & 0x3fffffff; // a small integer to V8
}
