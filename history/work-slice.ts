import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long work may hold the event loop. */
const SLICE_MS = 5;

/** Cuts long work into slices, between which everything else in the process has its turn: a filter over a long history must not stop the flows that come. */
export class WorkSlice {
  private startedMs = performance.now();

  /** A new slice begins: the work has waited for something anyway. */
  restart(): void {
    this.startedMs = performance.now();
  }

  get isOver(): boolean {
    return performance.now() - this.startedMs > SLICE_MS;
  }

  /** Lets the event loop turn once. */
  async yield(): Promise<void> {
    await nextTurn();
    this.restart();
  }
}
