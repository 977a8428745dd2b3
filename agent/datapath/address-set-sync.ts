import { type BpfMap } from '../kernel/bpf-map.ts';
import { decodeAddressKey, encodeAddressKey } from './map-layout.ts';

/**
 * Keeps a map of addresses equal to what is wanted, writing only differences. An entry is replaced in place, so no address is ever missing for a moment.
 */
export class AddressMapSync {
  private readonly map: BpfMap;
  /** What the map holds, by hex address. */
  private readonly written = new Map<string, Uint8Array>();

  constructor(map: BpfMap) {
    this.map = map;
    for (const key of map.keys()) {
      const value = map.lookup(key);
      if (value !== null) this.written.set(hex(decodeAddressKey(key)), value);
    }
  }

  get size(): number {
    return this.written.size;
  }

  /** Writes one address. Throws KernelError, a full map among its reasons. */
  set(address: Uint8Array, value: Uint8Array): void {
    const key = hex(address);
    const old = this.written.get(key);
    if (old !== undefined && Buffer.compare(old, value) === 0) return;
    this.map.update(encodeAddressKey(address), value);
    this.written.set(key, value);
  }

  /** Removes one address. */
  delete(address: Uint8Array): void {
    if (this.written.delete(hex(address))) this.map.delete(encodeAddressKey(address));
  }

  /** Makes the map hold exactly these, new ones in one batch, before the others are removed. */
  replaceAll(entries: readonly { readonly address: Uint8Array; readonly value: Uint8Array }[]): void {
    const wanted = new Map(entries.map((entry) => [hex(entry.address), entry]));
    const changed = [...wanted].filter(([key, { value }]) => {
      const old = this.written.get(key);
      return old === undefined || Buffer.compare(old, value) !== 0;
    });
    this.map.updateBatch(
      Buffer.concat(changed.map(([, { address }]) => encodeAddressKey(address))),
      Buffer.concat(changed.map(([, { value }]) => value)),
      changed.length,
    );
    for (const [key, { value }] of changed) this.written.set(key, value);
    for (const key of this.written.keys()) {
      if (!wanted.has(key)) this.delete(Buffer.from(key, 'hex'));
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
