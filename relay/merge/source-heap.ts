import type { MergeSource } from './merge-source.ts';

/** Binary heap of sources that have something waiting; the one with the oldest frame comes first. */
export class SourceHeap {
  private readonly sources: MergeSource[] = [];

  get size(): number {
    return this.sources.length;
  }

  /** The source to take from next. The heap must not be empty. */
  get first(): MergeSource {
    return this.sources[0];
  }

  add(source: MergeSource): void {
    const { sources } = this;
    let at = sources.length;
    sources.push(source);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(source, sources[parent])) break;
      this.place(sources[parent], at);
      at = parent;
    }
    this.place(source, at);
  }

  /** Takes the first source out. */
  removeFirst(): void {
    const { sources } = this;
    const last = sources.pop()!;
    if (sources.length > 0) {
      sources[0].heapIndex = -1;
      this.sink(last);
    } else last.heapIndex = -1;
  }

  /** Puts the first source in its place after its key changed. */
  firstChanged(): void {
    this.sink(this.sources[0]);
  }

  /** Lets a source sink from the top to where it belongs. */
  private sink(source: MergeSource): void {
    const { sources } = this;
    const { length } = sources;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(sources[child + 1], sources[child])) child++;
      if (!isBefore(sources[child], source)) break;
      this.place(sources[child], at);
      at = child;
    }
    this.place(source, at);
  }

  private place(source: MergeSource, at: number): void {
    this.sources[at] = source;
    source.heapIndex = at;
  }
}

function isBefore(a: MergeSource, b: MergeSource): boolean {
  return a.key < b.key || (a.key === b.key && a.key !== Number.NEGATIVE_INFINITY && a.nanos < b.nanos);
}
