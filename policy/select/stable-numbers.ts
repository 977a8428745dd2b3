/**
 * Numbers for texts that come out the same in every process, as long as no two of the texts in use hash alike (then whoever comes second gets the next free number). So an
 * agent that starts again finds its numbers in the pinned maps. A number is given to another text only when its own was released.
 */
export class StableNumbers {
  private readonly first: number;
  private readonly count: number;
  private readonly numbers = new Map<string, number>();
  private readonly taken = new Set<number>();

  /** @param first lowest number, @param count how many there are from there on, at most 2^32 */
  constructor(first: number, count: number) {
    this.first = first;
    this.count = count;
  }

  /** Throws a RangeError when all numbers are given out. */
  claim(text: string): number {
    const known = this.numbers.get(text);
    if (known !== undefined) return known;
    if (this.taken.size >= this.count) throw new RangeError(`all ${this.count} numbers are given out`);
    let number = this.first + (hash32(text) % this.count);
    while (this.taken.has(number)) number = number + 1 < this.first + this.count ? number + 1 : this.first;
    this.numbers.set(text, number);
    this.taken.add(number);
    return number;
  }

  release(text: string): void {
    const number = this.numbers.get(text);
    if (number === undefined) return;
    this.numbers.delete(text);
    this.taken.delete(number);
  }
}

/** FNV-1a over UTF-16 code units, with a final mix: its low bits alone differ too little between similar texts. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
