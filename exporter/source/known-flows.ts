/** A set of flow keys (see FlowKey) in 16 bytes each and as much again for room: millions of them stay small, and cost the garbage collector nothing. */
export class KnownFlows {
  size = 0;
  private slots = new Uint32Array(4 * 1024);
  private mask = 1023;

  /** Adds a key; false when it was there. The key of four zeros, which nothing has by accident, is not kept. */
  add(words: Uint32Array): boolean {
    if ((this.size + 1) * 2 > this.mask) this.grow();
    const at = this.find(words);
    if (!this.isFree(at)) return false;
    this.slots.set(words, at);
    this.size++;
    return true;
  }

  has(words: Uint32Array): boolean {
    return !this.isFree(this.find(words));
  }

  private isFree(at: number): boolean {
    const { slots } = this;
    return (slots[at] | slots[at + 1] | slots[at + 2] | slots[at + 3]) === 0;
  }

  /** Where a key stands, or the free slot where it would. */
  private find(words: Uint32Array): number {
    const { slots, mask } = this;
    // Keys are random bits, the last ones too.
    let slot = words[3] & mask;
    for (;;) {
      const at = slot * 4;
      const isSame =
        slots[at] === words[0] &&
        slots[at + 1] === words[1] &&
        slots[at + 2] === words[2] &&
        slots[at + 3] === words[3];
      if (isSame || this.isFree(at)) return at;
      slot = (slot + 1) & mask;
    }
  }

  private grow(): void {
    const { slots } = this;
    this.mask = this.mask * 2 + 1;
    this.slots = new Uint32Array(4 * (this.mask + 1));
    for (let at = 0; at < slots.length; at += 4) {
      const words = slots.subarray(at, at + 4);
      if ((words[0] | words[1] | words[2] | words[3]) !== 0) this.slots.set(words, this.find(words));
    }
  }
}
