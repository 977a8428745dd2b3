import type { FlowRing } from '../flow-ring.ts';
import type { FlowStore } from './flow-store.ts';

const RUN_BYTES = 256 * 1024;

/** Copies everything that a ring gets into a store, from now on. The store's numbers are the ring's plus a constant, so that a reader can go from one to the other without a gap. */
export class RingFeed {
  readonly store: FlowStore;
  private readonly ring: FlowRing;
  private readonly base: number;
  private readonly stop: () => void;
  private fed: number;

  constructor(ring: FlowRing, store: FlowStore) {
    this.ring = ring;
    this.store = store;
    this.fed = ring.endSeq;
    this.base = store.endSeq - ring.endSeq;
    this.stop = ring.onAppend(() => this.feed());
  }

  /** The store's number of an entry of the ring. */
  storeSeq(ringSeq: number): number {
    return ringSeq + this.base;
  }

  /** The ring's number of an entry of the store; below what the ring holds for most of them. */
  ringSeq(storeSeq: number): number {
    return storeSeq - this.base;
  }

  /** The store stays open. */
  close(): void {
    this.stop();
  }

  private feed(): void {
    const { ring, store } = this;
    // One append may be larger than the ring.
    if (this.fed < ring.oldestSeq) {
      store.skip(ring.oldestSeq - this.fed);
      this.fed = ring.oldestSeq;
    }
    for (;;) {
      const run = ring.read(this.fed, Number.POSITIVE_INFINITY, RUN_BYTES);
      if (run === null) return;
      store.append(run.bytes);
      this.fed = run.firstSeq + run.count;
    }
  }
}
