const FIRST_ROWS = 1024;
const KEYS = 4;

/** Rows that are known by four whole numbers and count flows: how many, the first and the last. Exact up to a number of rows; what comes beyond is refused. */
export class ConversationTable {
  private readonly maxRows: number;
  private keys = new Int32Array(FIRST_ROWS * KEYS);
  /** Flows, first and last of each row, times in microseconds since the epoch. */
  private sums = new Float64Array(FIRST_ROWS * 3);
  /** Open addressing: row + 1, 0 for a free slot. */
  private slots = new Int32Array(FIRST_ROWS * 2);
  private count = 0;

  constructor(maxRows: number) {
    this.maxRows = maxRows;
  }

  get rowCount(): number {
    return this.count;
  }

  /** Counts a flow. False, and not counted, if it would need a row more than there may be. */
  add(a: number, b: number, c: number, d: number, timeUs: number): boolean {
    const { keys, slots } = this;
    const mask = slots.length - 1;
    let slot = hashOf(a, b, c, d) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const at = (slots[slot] - 1) * KEYS;
      if (keys[at] !== a || keys[at + 1] !== b || keys[at + 2] !== c || keys[at + 3] !== d) continue;
      this.count1((slots[slot] - 1) * 3, timeUs);
      return true;
    }
    if (this.count >= this.maxRows) return false;
    const row = this.count++;
    slots[slot] = row + 1;
    if (this.count * KEYS > keys.length) this.grow();
    this.keys.set([a, b, c, d], row * KEYS);
    this.sums.set([1, timeUs, timeUs], row * 3);
    if (this.count * 2 > slots.length) this.rehash();
    return true;
  }

  key(row: number, i: number): number {
    return this.keys[row * KEYS + i];
  }

  flows(row: number): number {
    return this.sums[row * 3];
  }

  firstUs(row: number): number {
    return this.sums[row * 3 + 1];
  }

  lastUs(row: number): number {
    return this.sums[row * 3 + 2];
  }

  private count1(at: number, timeUs: number): void {
    const { sums } = this;
    sums[at]++;
    if (timeUs < sums[at + 1]) sums[at + 1] = timeUs;
    if (timeUs > sums[at + 2]) sums[at + 2] = timeUs;
  }

  private grow(): void {
    const keys = new Int32Array(this.keys.length * 2);
    keys.set(this.keys);
    this.keys = keys;
    const sums = new Float64Array(this.sums.length * 2);
    sums.set(this.sums);
    this.sums = sums;
  }

  private rehash(): void {
    const { keys } = this;
    const slots = new Int32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.count; row++) {
      const at = row * KEYS;
      let slot = hashOf(keys[at], keys[at + 1], keys[at + 2], keys[at + 3]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
    this.slots = slots;
  }
}

function hashOf(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a ^ 0x51ed270b, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ c, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16) ^ d, 0x9e3779b1);
  return hash ^ (hash >>> 15);
}
