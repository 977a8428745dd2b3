import type { RingReader, SampleListener } from './ring-reader.ts';

/** When a record was written, by its first words; a number that no clock shows yet is taken for broken. */
export type RecordTime = (u32: Uint32Array, offset: number, length: number) => number;

/**
 * Reads the rings of all CPUs as one, in the order of their records' times. Each ring is in order by itself; what may still come from another CPU is waited for by leaving
 * younger records where they are.
 */
export class MergedRings {
  private readonly readers: readonly RingReader[];
  private readonly timeOf: RecordTime;
  /** Time of the record that each ring has next. */
  private readonly times: Float64Array;
  /** A binary heap of rings that have one due, the oldest on top. */
  private readonly heap: number[] = [];

  constructor(readers: readonly RingReader[], timeOf: RecordTime) {
    this.readers = readers;
    this.timeOf = timeOf;
    this.times = new Float64Array(readers.length);
  }

  /**
   * Gives records to `visit`, oldest first, up to `maxRecords` of them and none younger than `until`. Hands their space back to the kernel. Returns how many there were.
   * @param now reads the clock that the records' times are of: asked once the rings' ends are known, so that no record is younger
   */
  drain(until: number, now: () => number, maxRecords: number, visit: SampleListener): number {
    const { readers, heap } = this;
    for (const reader of readers) reader.open();
    const latest = now();
    for (let ring = 0; ring < readers.length; ring++) if (this.isDue(ring, until, latest)) heap.push(ring);
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) this.sink(i);
    let visited = 0;
    while (heap.length > 0 && visited < maxRecords) {
      const ring = heap[0];
      const reader = readers[ring];
      visit(reader.sampleU8, reader.sampleU32, reader.sampleOffset, reader.sampleLength);
      reader.take();
      visited++;
      if (!this.isDue(ring, until, latest)) {
        const last = heap.pop() ?? ring;
        if (heap.length === 0) break;
        heap[0] = last;
      }
      this.sink(0);
    }
    heap.length = 0;
    for (const reader of readers) reader.release();
    return visited;
  }

  /** Whether the last drain left records behind: too young, or too many. */
  get waiting(): boolean {
    return this.readers.some((reader) => reader.peek());
  }

  private isDue(ring: number, until: number, latest: number): boolean {
    const reader = this.readers[ring];
    if (!reader.peek()) return false;
    const time = this.timeOf(reader.sampleU32, reader.sampleOffset, reader.sampleLength);
    // A broken record must not stand in the way of those behind it.
    this.times[ring] = time > latest ? 0 : time;
    return this.times[ring] <= until;
  }

  private sink(from: number): void {
    const { heap, times } = this;
    const ring = heap[from];
    const time = times[ring];
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && times[heap[child + 1]] < times[heap[child]]) child++;
      if (time <= times[heap[child]]) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = ring;
  }
}
