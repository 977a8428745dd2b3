/** What a listener has to be told about objects of one kind: from what it was told last to what holds now. */
export interface ObjectChanges<T> {
  readonly deletes: readonly T[];
  readonly upserts: readonly { readonly object: T; readonly old: { readonly old?: T } }[];
}

/** Objects of one kind, as they were told and as they are since. Plain data whose fields are always written in the same order. */
export class ToldObjects<T extends object> {
  /** The objects as of the last `take`. */
  readonly told = new Map<string, T>();
  private readonly pending = new Map<string, T | undefined>();

  /** Takes an object's new state; undefined when there is none any more. */
  set(key: string, object: T | undefined): void {
    this.pending.set(key, object);
  }

  /** What differs from what was told. An object with other `addresses` than before is both deleted and upserted, without `old`. */
  take(): ObjectChanges<T> {
    const deletes: T[] = [];
    const upserts: { object: T; old: { old?: T } }[] = [];
    for (const [key, object] of this.pending) {
      const old = this.told.get(key);
      if (isSame(old, object)) continue;
      const moved =
        object !== undefined && old !== undefined && !isSame(addressesOf(old), addressesOf(object));
      if (old !== undefined && (object === undefined || moved)) deletes.push(old);
      if (object === undefined) this.told.delete(key);
      else {
        this.told.set(key, object);
        upserts.push({ object, old: old === undefined || moved ? {} : { old } });
      }
    }
    this.pending.clear();
    return { deletes, upserts };
  }
}

function addressesOf(object: object): unknown {
  return 'addresses' in object ? object.addresses : undefined;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
