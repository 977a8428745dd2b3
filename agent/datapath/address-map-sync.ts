import type { BpfMap } from '../kernel/bpf-map.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { decodeAddressKey, encodeAddressKey } from './map-layout.ts';

/** The part of a BPF map that is needed here. */
export type AddressMap = Pick<
  BpfMap,
  'name' | 'entries' | 'update' | 'updateBatch' | 'delete' | 'deleteBatch'
>;

/**
 * Keeps a map of addresses equal to what is wanted, writing only differences and many of them in one system call. An entry is replaced in place and the new ones are
 * written before others are removed, so no address is missing for a moment. What cannot be written (a full map) stays wanted and is tried again with the next flush.
 */
export class AddressMapSync {
  private readonly map: AddressMap;
  /** What the map holds, by hex address. */
  private readonly written = new Map<string, Uint8Array>();
  /** What it shall hold instead; null = nothing. */
  private readonly pending = new Map<string, Uint8Array | null>();

  /** Takes over what the map holds. */
  constructor(map: AddressMap) {
    this.map = map;
    for (const [key, value] of map.entries()) this.written.set(hex(decodeAddressKey(key)), value);
  }

  /** Addresses in the map. */
  get size(): number {
    return this.written.size;
  }

  /** Wants a value for an address from the next flush on. */
  set(address: Uint8Array, value: Uint8Array): void {
    this.want(hex(address), value);
  }

  /** Wants an address gone from the next flush on. */
  delete(address: Uint8Array): void {
    this.want(hex(address), null);
  }

  /** Wants exactly these from the next flush on. */
  setAll(entries: Iterable<readonly [address: Uint8Array, value: Uint8Array]>): void {
    const kept = new Set<string>();
    for (const [address, value] of entries) {
      kept.add(hex(address));
      this.want(hex(address), value);
    }
    for (const key of [...this.written.keys(), ...this.pending.keys()])
      if (!kept.has(key)) this.want(key, null);
  }

  /** Writes what is wanted and not there. Whether there was anything. Throws KernelError when some of it could not be written; the rest has been. */
  flush(): boolean {
    const updates: [string, Uint8Array][] = [];
    const deletes: string[] = [];
    for (const [key, value] of this.pending) {
      if (value === null) deletes.push(key);
      else updates.push([key, value]);
    }
    if (updates.length + deletes.length === 0) return false;
    let failure = this.writeUpdates(updates);
    this.writeDeletes(deletes);
    // What was deleted may have made the room that was lacking.
    if (failure !== null && deletes.length > 0) failure = this.writeUpdates(updates);
    if (failure === null) return true;
    throw new KernelError(
      failure.kind,
      failure.errno,
      `${failure.message}: ${this.pending.size} of ${this.written.size + this.pending.size} addresses are not written`,
    );
  }

  private want(key: string, value: Uint8Array | null): void {
    const present = this.written.get(key) ?? null;
    const same =
      value === null || present === null ? value === present : Buffer.compare(value, present) === 0;
    if (same) this.pending.delete(key);
    else this.pending.set(key, value);
  }

  /** All in one call; one by one if that fails, so that as many as fit are in. */
  private writeUpdates(updates: readonly (readonly [string, Uint8Array])[]): KernelError | null {
    const keys = updates.map(([key]) => encodeAddressKey(Buffer.from(key, 'hex')));
    const done = (i: number): void => {
      this.written.set(...(updates[i] as [string, Uint8Array]));
      this.pending.delete(updates[i][0]);
    };
    try {
      this.map.updateBatch(
        Buffer.concat(keys),
        Buffer.concat(updates.map(([, value]) => value)),
        updates.length,
      );
      for (let i = 0; i < updates.length; i++) done(i);
      return null;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
    }
    let failure: KernelError | null = null;
    for (const [i, [, value]] of updates.entries()) {
      try {
        this.map.update(keys[i], value);
        done(i);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        failure = error;
      }
    }
    return failure;
  }

  private writeDeletes(deletes: readonly string[]): void {
    const keys = deletes.map((key) => encodeAddressKey(Buffer.from(key, 'hex')));
    this.map.deleteBatch(Buffer.concat(keys), deletes.length);
    for (const key of deletes) {
      this.written.delete(key);
      this.pending.delete(key);
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
