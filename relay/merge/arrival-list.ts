import type { PendingBatch } from './merge-source.ts';

/** Batches that wait, in the order in which they came; any of them can leave. */
export class ArrivalList {
  private first: PendingBatch | null = null;
  private last: PendingBatch | null = null;

  /** When the batch came that waits for longest; infinite when none does. */
  get oldestMs(): number {
    return this.first?.arrivedMs ?? Number.POSITIVE_INFINITY;
  }

  add(pending: PendingBatch): void {
    pending.before = this.last;
    if (this.last === null) this.first = pending;
    else this.last.after = pending;
    this.last = pending;
  }

  remove(pending: PendingBatch): void {
    const { before, after } = pending;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.last = before;
    else after.before = before;
  }
}
