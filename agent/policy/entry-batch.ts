import type { PolicyEntry, PolicyEntryKey } from '../../policy/index.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import {
  directionIndex,
  maskOf,
  policyLayouts,
  type PrefixMasks,
  prefixBit,
  writePolicyEntry,
  writePolicyKey,
} from './policy-layout.ts';

const KEY_BYTES = policyLayouts.policy_key.size;
const VALUE_BYTES = policyLayouts.policy_entry.size;
/** Entries written by one system call. */
const CHUNK = 4096;
const DENY = 1;

type WritableMap = Pick<BpfMap, 'updateBatch' | 'deleteBatch' | 'lookup'>;

type Masks = Record<keyof PrefixMasks, [number, number]>;
const noMasks = (): Masks => ({ own: [0, 0], class: [0, 0], any: [0, 0] });

/** Entries of one set in the form of the map, the keys of each identity together. */
export class EntryBatch {
  readonly masks: PrefixMasks;
  readonly count: number;
  /** Keys of each direction and identity, of this batch's buffers. */
  readonly groups: ReadonlyMap<string, Buffer>;
  private readonly keys: Buffer;
  private readonly values: Buffer;

  private constructor(keys: Buffer, values: Buffer, groups: ReadonlyMap<string, Buffer>, masks: PrefixMasks) {
    this.keys = keys;
    this.values = values;
    this.groups = groups;
    this.masks = masks;
    this.count = keys.length / KEY_BYTES;
  }

  static of(setId: number, entries: Iterable<PolicyEntry>): EntryBatch {
    return EntryBatch.make(setId, [...entries], writePolicyEntry);
  }

  /** Of keys alone: for entries that are to be deleted. */
  static ofKeys(setId: number, keys: Iterable<PolicyEntryKey>): EntryBatch {
    return EntryBatch.make(setId, [...keys], () => {});
  }

  private static make<T extends PolicyEntryKey>(
    setId: number,
    entries: readonly T[],
    writeValue: (out: Buffer, at: number, entry: T) => void,
  ): EntryBatch {
    const keys = Buffer.alloc(entries.length * KEY_BYTES);
    const values = Buffer.alloc(entries.length * VALUE_BYTES);
    const groups = new Map<string, Buffer>();
    const masks = noMasks();
    let groupStart = 0;
    for (const [i, entry] of entries.entries()) {
      writePolicyKey(keys, i * KEY_BYTES, setId, entry);
      writeValue(values, i * VALUE_BYTES, entry);
      masks[maskOf(entry.identity)][directionIndex(entry.direction)] |= prefixBit(entry);
      const next = entries[i + 1];
      if (next?.identity === entry.identity && next.direction === entry.direction) continue;
      const group = groupOf(entry);
      const part = keys.subarray(groupStart * KEY_BYTES, (i + 1) * KEY_BYTES);
      const known = groups.get(group);
      groups.set(group, known === undefined ? part : Buffer.concat([known, part]));
      groupStart = i + 1;
    }
    return new EntryBatch(keys, values, groups, masks);
  }

  /** Denies first. Throws KernelError; some of it may then be written. */
  writeTo(map: WritableMap): void {
    const { keys, values, count } = this;
    const isDeny = (i: number): boolean =>
      values[i * VALUE_BYTES + policyLayouts.policy_entry.verdict] === DENY;
    const order = Array.from({ length: count }, (_, i) => i);
    const denies = order.filter(isDeny);
    if (denies.length > 0 && denies.length < count) {
      this.writeSome(map, denies);
      this.writeSome(
        map,
        order.filter((i) => !isDeny(i)),
      );
      return;
    }
    for (let from = 0; from < count; from += CHUNK) {
      const to = Math.min(count, from + CHUNK);
      map.updateBatch(
        keys.subarray(from * KEY_BYTES, to * KEY_BYTES),
        values.subarray(from * VALUE_BYTES, to * VALUE_BYTES),
        to - from,
      );
    }
  }

  private writeSome(map: WritableMap, chosen: readonly number[]): void {
    for (let from = 0; from < chosen.length; from += CHUNK) {
      const chunk = chosen.slice(from, from + CHUNK);
      const keys = chunk.map((i) => this.keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES));
      const values = chunk.map((i) => this.values.subarray(i * VALUE_BYTES, (i + 1) * VALUE_BYTES));
      map.updateBatch(Buffer.concat(keys), Buffer.concat(values), chunk.length);
    }
  }

  /** Allows first, as the map has them. */
  deleteFrom(map: WritableMap): void {
    deleteKeys(map, this.keys);
  }

  asWritten(): WrittenEntries {
    const written = new WrittenEntries();
    written.add(this);
    return written;
  }
}

/** Which entries of a set are in the map. */
export class WrittenEntries {
  private readonly groups = new Map<string, Buffer>();
  private readonly has: Masks = noMasks();
  private entryCount = 0;

  /** Never loses a bit before the set is written anew: a lookup too many does no harm. */
  get masks(): PrefixMasks {
    return this.has;
  }

  get count(): number {
    return this.entryCount;
  }

  /** Whether a batch speaks only of identities of which there is nothing yet, and needs no lookups that are not made already. */
  isNew(batch: EntryBatch): boolean {
    for (const group of batch.groups.keys()) if (this.groups.has(group)) return false;
    return (['own', 'class', 'any'] as const).every((part) =>
      [0, 1].every((i) => (batch.masks[part][i] & ~this.has[part][i]) === 0),
    );
  }

  /** Whether a batch has all entries of each identity that it speaks of. */
  isAllOf(batch: EntryBatch): boolean {
    for (const [group, keys] of batch.groups)
      if (this.groups.get(group)?.length !== keys.length) return false;
    return true;
  }

  add(batch: EntryBatch): void {
    for (const [group, keys] of batch.groups) this.groups.set(group, keys);
    for (const part of ['own', 'class', 'any'] as const) {
      this.has[part][0] |= batch.masks[part][0];
      this.has[part][1] |= batch.masks[part][1];
    }
    this.entryCount += batch.count;
  }

  remove(batch: EntryBatch): void {
    for (const group of batch.groups.keys()) this.groups.delete(group);
    this.entryCount -= batch.count;
  }

  /** All of it; nobody may use the set any more. */
  deleteFrom(map: WritableMap): void {
    const keys = Buffer.concat([...this.groups.values()]);
    map.deleteBatch(keys, keys.length / KEY_BYTES);
  }
}

/** Of a set in use: what it allows goes before what it denies. */
function deleteKeys(map: WritableMap, keys: Buffer): void {
  const denies: Uint8Array[] = [];
  const allows: Uint8Array[] = [];
  for (let at = 0; at < keys.length; at += KEY_BYTES) {
    const key = keys.subarray(at, at + KEY_BYTES);
    const value = map.lookup(key);
    if (value === null) continue;
    (value[policyLayouts.policy_entry.verdict] === DENY ? denies : allows).push(key);
  }
  for (const some of [allows, denies]) map.deleteBatch(Buffer.concat(some), some.length);
}

function groupOf({ direction, identity }: PolicyEntryKey): string {
  return `${direction} ${identity}`;
}
