import type { AddressMap } from '../../../../agent/datapath/address-map-sync.ts';
import { KernelError } from '../../../../agent/kernel/kernel-error.ts';
import type { MapEntry } from '../../../../agent/kernel/bpf-map.ts';

const KEY_BYTES = 20;

/** A map of addresses in plain memory, which can be full, and calls back after every single change as a packet would see it. */
export class FakeAddressMap implements AddressMap {
  readonly name = 'fake';
  readonly content = new Map<string, Uint8Array>();
  maxEntries = Infinity;
  /** System calls that changed something. */
  calls = 0;
  onChange: () => void = () => {};

  entries(): MapEntry[] {
    return [...this.content].map(([key, value]) => [Buffer.from(key, 'hex'), value]);
  }

  update(key: Uint8Array, value: Uint8Array): void {
    this.calls++;
    this.put(key, value);
  }

  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    if (count === 0) return;
    this.calls++;
    const valueBytes = values.length / count;
    for (let i = 0; i < count; i++) {
      const value = values.slice(i * valueBytes, (i + 1) * valueBytes);
      this.put(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES), value);
    }
  }

  delete(key: Uint8Array): boolean {
    this.calls++;
    return this.remove(key);
  }

  deleteBatch(keys: Uint8Array, count: number): void {
    if (count > 0) this.calls++;
    for (let i = 0; i < count; i++) this.remove(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES));
  }

  private put(key: Uint8Array, value: Uint8Array): void {
    const text = Buffer.from(key).toString('hex');
    if (!this.content.has(text) && this.content.size >= this.maxEntries)
      throw KernelError.fromErrno('map fake: update', 7, 'the map is full');
    this.content.set(text, value);
    this.onChange();
  }

  private remove(key: Uint8Array): boolean {
    const was = this.content.delete(Buffer.from(key).toString('hex'));
    this.onChange();
    return was;
  }
}
