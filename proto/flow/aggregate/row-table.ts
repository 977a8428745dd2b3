import { addMeasures, countFlow, MEASURES, rankOf } from './row-measures.ts';
import { TextTable } from './text-table.ts';

/** Bounds of a table. */
export interface RowTableOptions {
  /** Texts that tell rows apart, 1 or more. */
  readonly keyCount: number;
  /** Rows kept at most, 1 or more. */
  readonly maxRows: number;
  /** The measure (FLOWS, …) by which it is decided which rows are kept. */
  readonly rankBy: number;
}

/** Some rows of a table, and what of it they leave out. */
export interface RowChoice {
  readonly rows: Int32Array;
  /** The measures of all that is in none of the rows. */
  readonly others: Float64Array;
  /** Most flows that any row of the choice lacks, and that any group has that is in none of them. */
  readonly maxMissingFlows: number;
}

const FIRST_ROWS = 128;
/** Texts are bounded by their bytes too: names may be long, and all be different. */
const MAX_TEXT_TABLE_BYTES = 16 * 1024 * 1024;
/** Texts that no row uses any more are kept between answers, since they come again, as long as they are no more than this. */
const MAX_KEPT_TEXTS = 65_536;

/**
 * Measures by key in bounded memory. When a table holds more rows than it may, the lower half of them, by rank, is added to the others and forgotten: sums stay exact,
 * and what comes often finds a place whenever it begins. Each time, a group loses no more flows than the largest of the forgotten rows has; `maxMissingFlows` is the
 * sum of these, and so no row lacks more.
 */
export class RowTable {
  readonly texts = new TextTable();
  /** The key of the row to look up: `keyCount` numbers of texts. */
  readonly key: Int32Array;
  private readonly options: RowTableOptions;
  private used = 0;
  /** Row by row: `keyCount` numbers of texts. */
  private keys: Int32Array;
  private sums = new Float64Array(FIRST_ROWS * MEASURES);
  private hashes = new Int32Array(FIRST_ROWS);
  /** Open addressing: a row + 1, 0 for a free slot. */
  private slots = new Int32Array(FIRST_ROWS * 2);
  private readonly others = new Float64Array(MEASURES);
  private missing = 0;

  /** Throws RangeError on a bound below 1. */
  constructor(options: RowTableOptions) {
    if (!(options.keyCount >= 1) || !(options.maxRows >= 1)) {
      throw new RangeError(
        `table of ${options.maxRows} rows with ${options.keyCount} keys: both must be 1 or more`,
      );
    }
    this.options = options;
    this.key = new Int32Array(options.keyCount);
    this.keys = new Int32Array(FIRST_ROWS * options.keyCount);
  }

  get rowCount(): number {
    return this.used;
  }

  get keyCount(): number {
    return this.options.keyCount;
  }

  /** To be called before texts for the next key are interned: it may give them new numbers. */
  makeRoom(): void {
    if (this.used > this.options.maxRows) this.evict();
    if (this.texts.byteLength <= MAX_TEXT_TABLE_BYTES) return;
    this.renumber();
    while (this.texts.byteLength > MAX_TEXT_TABLE_BYTES / 2 && this.used > 1) this.evict();
  }

  /** Counts one flow for `key`. */
  countFlow(verdict: number, timeUs: number): void {
    // The row first: finding it may replace the array of sums.
    const row = this.rowOfKey();
    countFlow(this.sums, row * MEASURES, verdict, timeUs);
  }

  /** Adds the measures at `from[at, …)` to those of `key`. */
  addMeasures(from: Float64Array, at: number): void {
    const row = this.rowOfKey(); // before the array of sums is looked at, for the same reason
    addMeasures(this.sums, row * MEASURES, from, at);
  }

  /** Adds what another table left out. */
  addOthers(from: Float64Array, maxMissingFlows: number): void {
    addMeasures(this.others, 0, from, 0);
    this.missing += maxMissingFlows;
  }

  /** The number of the text of a row's key. */
  textId(row: number, key: number): number {
    return this.keys[row * this.keyCount + key];
  }

  measure(row: number, measure: number): number {
    return this.sums[row * MEASURES + measure];
  }

  /** Most flows that any row lacks, all of them being listed. */
  get maxMissingFlows(): number {
    return this.missing;
  }

  /** The measures of everything that was counted. */
  total(): Float64Array {
    const sum = this.others.slice();
    for (let row = 0; row < this.used; row++) addMeasures(sum, 0, this.sums, row * MEASURES);
    return sum;
  }

  /** The rows of the highest rank, `limit` at most, in no order. */
  choose(limit: number, rankBy: number = this.options.rankBy): RowChoice {
    const { used, sums } = this;
    const others = this.others.slice();
    const rows = new Int32Array(Math.min(used, limit));
    if (used <= limit) {
      for (let row = 0; row < used; row++) rows[row] = row;
      return { rows, others, maxMissingFlows: this.missing };
    }
    let largestLeftOut = 0;
    let chosen = 0;
    this.split(limit, rankBy, (row, isKept) => {
      if (isKept) rows[chosen++] = row;
      else {
        addMeasures(others, 0, sums, row * MEASURES);
        largestLeftOut = Math.max(largestLeftOut, sums[row * MEASURES]);
      }
    });
    return { rows, others, maxMissingFlows: this.missing + largestLeftOut };
  }

  /** Forgets all rows. */
  clear(): void {
    this.used = 0;
    this.slots.fill(0);
    this.others.fill(0);
    this.missing = 0;
    if (this.texts.count > MAX_KEPT_TEXTS) this.texts.clear();
  }

  /** Tells of each row whether it is among the `limit` of the highest rank. */
  private split(limit: number, rankBy: number, tell: (row: number, isKept: boolean) => void): void {
    const { used, sums } = this;
    const ranks = new Float64Array(used);
    for (let row = 0; row < used; row++) ranks[row] = rankOf(sums, row * MEASURES, rankBy);
    const threshold = ranks.slice().sort()[used - limit];
    let ties = limit;
    for (const rank of ranks) if (rank > threshold) ties--;
    for (let row = 0; row < used; row++) {
      tell(row, ranks[row] > threshold || (ranks[row] === threshold && ties-- > 0));
    }
  }

  private evict(): void {
    const { keyCount, keys, sums } = this;
    let used = 0;
    let largest = 0;
    this.split(Math.max(1, this.used >> 1), this.options.rankBy, (row, isKept) => {
      if (!isKept) {
        addMeasures(this.others, 0, sums, row * MEASURES);
        largest = Math.max(largest, sums[row * MEASURES]);
        return;
      }
      keys.copyWithin(used * keyCount, row * keyCount, (row + 1) * keyCount);
      sums.copyWithin(used * MEASURES, row * MEASURES, (row + 1) * MEASURES);
      used++;
    });
    this.missing += largest;
    this.used = used;
    this.renumber();
  }

  /** Forgets the texts that no row uses, which gives those that are left new numbers. */
  private renumber(): void {
    const { keyCount, keys, used } = this;
    this.texts.retain(keys.subarray(0, used * keyCount));
    this.slots.fill(0);
    for (let row = 0; row < used; row++) {
      this.hashes[row] = hashOf(keys, row * keyCount, keyCount);
      this.place(row);
    }
  }

  /** The row of `key`, or -1. */
  find(): number {
    return this.search(hashOf(this.key, 0, this.key.length));
  }

  private rowOfKey(): number {
    const hash = hashOf(this.key, 0, this.key.length);
    const row = this.search(hash);
    return row >= 0 ? row : this.addRow(hash);
  }

  private search(hash: number): number {
    const { key, slots, keys, hashes } = this;
    const { length } = key;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (let entry = slots[slot]; entry !== 0; entry = slots[slot]) {
      const row = entry - 1;
      if (hashes[row] === hash) {
        const at = row * length;
        let i = 0;
        while (i < length && keys[at + i] === key[i]) i++;
        if (i === length) return row;
      }
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  private addRow(hash: number): number {
    const row = this.used++;
    if (row === this.hashes.length) this.grow();
    this.keys.set(this.key, row * this.key.length);
    this.sums.fill(0, row * MEASURES, (row + 1) * MEASURES);
    this.hashes[row] = hash;
    this.place(row);
    return row;
  }

  private place(row: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = this.hashes[row] & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = row + 1;
  }

  private grow(): void {
    const rows = this.hashes.length * 2;
    const keys = new Int32Array(rows * this.keyCount);
    keys.set(this.keys);
    this.keys = keys;
    const sums = new Float64Array(rows * MEASURES);
    sums.set(this.sums);
    this.sums = sums;
    const hashes = new Int32Array(rows);
    hashes.set(this.hashes);
    this.hashes = hashes;
    this.slots = new Int32Array(rows * 2);
    for (let row = 0; row + 1 < this.used; row++) this.place(row);
  }
}

function hashOf(ids: Int32Array, at: number, length: number): number {
  let hash = 0;
  for (let i = 0; i < length; i++) {
    hash = Math.imul(hash ^ ids[at + i], 0x9e3779b1 | 0);
    hash ^= hash >>> 15;
  }
  return hash;
}
