import { KernelError } from '../../../../agent/kernel/kernel-error.ts';

/** A hash map as the kernel has it, with room for so many entries. */
export class FakePolicyMap {
  readonly content = new Map<string, Uint8Array>();
  maxEntries: number;
  private readonly keySize: number;
  private readonly onChange: () => void;

  /** @param onChange called after each single change: what a packet may meet */
  constructor(keySize: number, maxEntries = 1_000_000, onChange: () => void = () => {}) {
    this.keySize = keySize;
    this.maxEntries = maxEntries;
    this.onChange = onChange;
  }

  keys(): Uint8Array[] {
    return [...this.content.keys()].map((key) => Buffer.from(key, 'hex'));
  }

  entries(): [Uint8Array, Uint8Array][] {
    return [...this.content].map(([key, value]) => [Buffer.from(key, 'hex'), value]);
  }

  lookup(key: Uint8Array): Uint8Array | null {
    return this.content.get(hex(key)) ?? null;
  }

  update(key: Uint8Array, value: Uint8Array): void {
    if (!this.content.has(hex(key)) && this.content.size >= this.maxEntries)
      throw KernelError.fromErrno('map fake: update', 7, 'the map is full');
    this.content.set(hex(key), value.slice());
    this.onChange();
  }

  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    const valueSize = values.length / count;
    for (let i = 0; i < count; i++)
      this.update(this.at(keys, i), values.subarray(i * valueSize, (i + 1) * valueSize));
  }

  delete(key: Uint8Array): boolean {
    const was = this.content.delete(hex(key));
    this.onChange();
    return was;
  }

  deleteBatch(keys: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) this.delete(this.at(keys, i));
  }

  private at(keys: Uint8Array, i: number): Uint8Array {
    return keys.subarray(i * this.keySize, (i + 1) * this.keySize);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
