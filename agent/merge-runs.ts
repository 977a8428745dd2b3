/**
 * Visits the entries of several runs, each ordered by its keys, in the order of all keys up to `limit`; of equal keys the earlier run's comes first. Runs lie behind
 * each other: run r is `[starts[r], starts[r + 1])`, the last ends at `end`. Returns for each run where the visit stopped.
 */
export function mergeRuns(
  keys: Float64Array,
  starts: readonly number[],
  end: number,
  limit: number,
  visit: (entry: number) => void,
): number[] {
  const heads = [...starts];
  const ends = [...starts.slice(1), end];
  /** A binary heap of runs, the one with the smallest key at its head on top. */
  const heap: number[] = [];
  const comesFirst = (a: number, b: number): boolean => {
    const difference = keys[heads[a]] - keys[heads[b]];
    return difference < 0 || (difference === 0 && a < b);
  };
  const sink = (from: number): void => {
    const run = heap[from];
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && comesFirst(heap[child + 1], heap[child])) child++;
      if (comesFirst(run, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = run;
  };
  const hasNext = (run: number): boolean => heads[run] < ends[run] && keys[heads[run]] <= limit;

  for (let run = 0; run < heads.length; run++) if (hasNext(run)) heap.push(run);
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(i);
  while (heap.length > 0) {
    const run = heap[0];
    visit(heads[run]++);
    if (!hasNext(run)) {
      const last = heap.pop() ?? run;
      if (heap.length === 0) break;
      heap[0] = last;
    }
    sink(0);
  }
  return heads;
}
