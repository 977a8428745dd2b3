import { bpf } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const ENOENT = 2;
const E2BIG = 7;

/** A loaded map. Keys and values are bytes in the layout of bpf/shared; buffers of another size than the map's are refused. */
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
    this.check(value, this.valueSize, 'value');
    this.throwOn(bpf.mapUpdate(this.fd, key, value, 0) as number, 'update');
  }

  /** Inserts or replaces many: `count` keys and values back to back, in one system call. */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    if (count === 0) return;
    this.check(keys, this.keySize * count, 'keys');
    this.check(values, this.valueSize * count, 'values');
    this.throwOn(
      bpf.mapUpdateBatch(this.fd, keys, values, [count], { sz: 24, elem_flags: 0, flags: 0 }) as number,
      `update of ${count} entries`,
    );
  }

  /** The value, or null when the key is not there. */
  lookup(key: Uint8Array): Uint8Array | null {
    this.check(key, this.keySize, 'key');
    const value = new Uint8Array(this.cpus > 0 ? this.cpus * roundUp8(this.valueSize) : this.valueSize);
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

  /** All keys at about this time. */
  keys(): Uint8Array[] {
    const keys: Uint8Array[] = [];
    let previous: Uint8Array | null = null;
    for (;;) {
      const next = new Uint8Array(this.keySize);
      const result = bpf.mapNextKey(this.fd, previous, next) as number;
      if (result === -ENOENT) return keys;
      this.throwOn(result, 'walk');
      keys.push(next);
      previous = next;
    }
  }

  private check(bytes: Uint8Array, expected: number, what: string): void {
    if (bytes.length !== expected) {
      throw new RangeError(`map ${this.name}: ${what} of ${bytes.length} bytes, expected ${expected}`);
    }
  }

  private throwOn(result: number, action: string): void {
    if (result >= 0) return;
    const hint = result === -E2BIG ? 'the map is full' : '';
    throw KernelError.fromErrno(`map ${this.name}: ${action}`, -result, hint);
  }
}

function roundUp8(size: number): number {
  return (size + 7) & ~7;
}
