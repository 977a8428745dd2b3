import { bpf } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const ENOENT = 2;
const E2BIG = 7;
const EINVAL = 22;
const ENOSPC = 28;
const ENOTSUPP = 524;
/** Entries fetched by one system call. A hash table gives whole buckets, so it has to hold the largest. */
const BATCH = 4096;
/** struct bpf_map_batch_opts: its size, and no flags. */
const BATCH_OPTS = { sz: 24, elem_flags: 0, flags: 0 };

/** A key with its value. */
export type MapEntry = readonly [key: Uint8Array, value: Uint8Array];

/** A loaded map. Keys and values are bytes in the layout of bpf/shared; buffers of another size than the map's are refused with a RangeError. */
export class BpfMap {
  readonly name: string;
  readonly fd: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Per-CPU maps give the values of all possible CPUs, each padded to 8 bytes. */
  private readonly cpus: number;

  constructor(name: string, fd: number, keySize: number, valueSize: number, perCpu: boolean) {
    this.name = name;
    this.fd = fd;
    this.keySize = keySize;
    this.valueSize = valueSize;
    this.cpus = perCpu ? (bpf.possibleCpus() as number) : 0;
  }

  /** Inserts or replaces. Throws KernelError; a full map says so. */
  update(key: Uint8Array, value: Uint8Array): void {
    this.check(key, this.keySize, 'key');
    this.check(value, this.bytesPerValue, 'value');
    this.throwOn(bpf.mapUpdate(this.fd, key, value, 0) as number, 'update');
  }

  /** Inserts or replaces many: `count` keys and values back to back, in one system call. When it throws, some of them may have been written. */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    if (count === 0) return;
    this.check(keys, this.keySize * count, 'keys');
    this.check(values, this.bytesPerValue * count, 'values');
    const result = bpf.mapUpdateBatch(this.fd, keys, values, [count], BATCH_OPTS) as number;
    this.throwOn(result, `update of ${count} entries`);
  }

  /** The value, or null when the key is not there. Of a per-CPU map the values of all possible CPUs, each padded to 8 bytes. */
  lookup(key: Uint8Array): Uint8Array | null {
    this.check(key, this.keySize, 'key');
    const value = new Uint8Array(this.bytesPerValue);
    const result = bpf.mapLookup(this.fd, key, value) as number;
    if (result === -ENOENT) return null;
    this.throwOn(result, 'lookup');
    return value;
  }

  /** Whether the key was there. */
  delete(key: Uint8Array): boolean {
    this.check(key, this.keySize, 'key');
    const result = bpf.mapDelete(this.fd, key) as number;
    if (result === -ENOENT) return false;
    this.throwOn(result, 'delete');
    return true;
  }

  /** Deletes many: `count` keys back to back. Keys that are not there are passed over. */
  deleteBatch(keys: Uint8Array, count: number): void {
    if (count === 0) return;
    this.check(keys, this.keySize * count, 'keys');
    const done = [count];
    const result = bpf.mapDeleteBatch(this.fd, keys, done, BATCH_OPTS) as number;
    // The kernel stops at the first key that is not there.
    if (result === -ENOENT) {
      for (let i = done[0]; i < count; i++)
        this.delete(keys.subarray(i * this.keySize, (i + 1) * this.keySize));
      return;
    }
    this.throwOn(result, `delete of ${count} entries`);
  }

  /** All keys at about this time, each once. */
  keys(): Uint8Array[] {
    const keys = new Map<string, Uint8Array>();
    let previous: Uint8Array | null = null;
    // A walk whose last key was deleted meanwhile starts again from the front; one round without a new key ends it.
    for (let known = 0; known <= keys.size; known++) {
      const next = new Uint8Array(this.keySize);
      const result = bpf.mapNextKey(this.fd, previous, next) as number;
      if (result === -ENOENT) break;
      this.throwOn(result, 'walk');
      const text = Buffer.from(next).toString('latin1');
      if (!keys.has(text)) known = -1;
      keys.set(text, next);
      previous = next;
    }
    return [...keys.values()];
  }

  /** All entries at about this time, many to a system call. Not for per-CPU maps. */
  entries(): MapEntry[] {
    const entries: MapEntry[] = [];
    const position = new Uint8Array(Math.max(this.keySize, 4));
    const keys = new Uint8Array(BATCH * this.keySize);
    const values = new Uint8Array(BATCH * this.bytesPerValue);
    for (let from: Uint8Array | null = null; ; from = position) {
      const count = [BATCH];
      const result = bpf.mapLookupBatch(this.fd, from, position, keys, values, count, BATCH_OPTS) as number;
      if (result === -EINVAL || result === -ENOTSUPP || result === -ENOSPC) return this.walkEntries();
      if (result !== -ENOENT) this.throwOn(result, 'walk');
      for (let i = 0; i < count[0]; i++) {
        entries.push([
          keys.slice(i * this.keySize, (i + 1) * this.keySize),
          values.slice(i * this.bytesPerValue, (i + 1) * this.bytesPerValue),
        ]);
      }
      if (result === -ENOENT) return entries;
    }
  }

  /** As `entries`, a few thousand at a time, so that others have their turn in between. Not all at one moment then, and an entry may come twice. */
  *batches(): Generator<readonly MapEntry[]> {
    const position = new Uint8Array(Math.max(this.keySize, 4));
    const keys = new Uint8Array(BATCH * this.keySize);
    const values = new Uint8Array(BATCH * this.bytesPerValue);
    for (let from: Uint8Array | null = null; ; from = position) {
      const count = [BATCH];
      const result = bpf.mapLookupBatch(this.fd, from, position, keys, values, count, BATCH_OPTS) as number;
      if (result === -EINVAL || result === -ENOTSUPP || result === -ENOSPC) {
        yield this.walkEntries();
        return;
      }
      if (result !== -ENOENT) this.throwOn(result, 'walk');
      yield Array.from({ length: count[0] }, (_, i) => [
        keys.slice(i * this.keySize, (i + 1) * this.keySize),
        values.slice(i * this.bytesPerValue, (i + 1) * this.bytesPerValue),
      ]);
      if (result === -ENOENT) return;
    }
  }

  /** For kinds of maps that have no batches. */
  private walkEntries(): MapEntry[] {
    return this.keys().flatMap((key) => {
      const value = this.lookup(key);
      return value === null ? [] : [[key, value] as const];
    });
  }

  private get bytesPerValue(): number {
    return this.cpus > 0 ? this.cpus * roundUp8(this.valueSize) : this.valueSize;
  }

  private check(bytes: Uint8Array, expected: number, what: string): void {
    if (bytes.length !== expected) {
      throw new RangeError(`map ${this.name}: ${what} of ${bytes.length} bytes, expected ${expected}`);
    }
  }

  private throwOn(result: number, action: string): void {
    if (result >= 0) return;
    const full = result === -E2BIG || result === -ENOSPC;
    throw KernelError.fromErrno(`map ${this.name}: ${action}`, -result, full ? 'the map is full' : '');
  }
}

function roundUp8(size: number): number {
  return (size + 7) & ~7;
}
