/** Which numbers of a dictionary occur: a bit each. */
export type IdSet = Uint8Array;

/** The set of the values of a column. */
export function idSetOf(values: ArrayLike<number>, count: number): IdSet {
  let max = 0;
  for (let i = 0; i < count; i++) if (values[i] > max) max = values[i];
  const set = new Uint8Array((max >> 3) + 1);
  for (let i = 0; i < count; i++) set[values[i] >> 3] |= 1 << (values[i] & 7);
  return set;
}

/** Whether `table` holds something other than 0 for any number in the set. */
export function isAnyIn(set: IdSet, table: Uint8Array): boolean {
  for (let at = 0; at < set.length; at++) {
    let bits = set[at];
    for (let id = at * 8; bits !== 0; id++, bits >>= 1) {
      // Numbers that the table does not have are not known, and may be anything.
      if ((bits & 1) !== 0 && (id >= table.length || table[id] !== 0)) return true;
    }
  }
  return false;
}
