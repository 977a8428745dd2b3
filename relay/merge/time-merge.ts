import { type FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { createFlowPeek, peekFlow } from '../../proto/flow/peek-flow.ts';
import { BatchBuilder } from './batch-builder.ts';

/** Bounds of a merge. */
export interface TimeMergeOptions {
  /** Longest time that a flow waits for flows of other sources that may be older. */
  readonly delayMs: number;
  /** Bytes waiting in all sources together beyond which flows go out without waiting. */
  readonly maxBufferedBytes: number;
}

/** Batches of one source, oldest first, and the next frame to take. */
export class MergeSource {
  readonly name: string;
  readonly batches: { readonly batch: FlowBatch; readonly arrivedUs: number }[] = [];
  next = 0;
  ended = false;
  /** Time by which the next frame is ordered, in µs. */
  key = 0;
  /** Place in the heap, -1 = nothing waiting. */
  heapIndex = -1;
  bufferedBytes = 0;
  /** Envelope time of the frame last taken, in µs; for resuming where the source broke off. */
  lastTimeUs = Number.NEGATIVE_INFINITY;
  onDrained: (() => void) | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }
}

const peek = createFlowPeek();

/**
 * Merges sources that are each in the order of time into one, without decoding: a heap over the sources' next frames, by envelope time. A frame goes out when no
 * source can have an older one (all have a frame waiting, or have ended), or when it has waited for the delay: so a source that is silent or slow holds the others up for
 * that long and no longer. A clock that runs ahead is taken back to the time of arrival; frames of a clock that lags go out at once and are counted as late.
 */
export class TimeMerge {
  private readonly options: TimeMergeOptions;
  private readonly emit: (batch: FlowBatch) => void;
  private readonly heap: MergeSource[] = [];
  private readonly sources = new Set<MergeSource>();
  private readonly out = new BatchBuilder();
  /** Sources that have not ended and have nothing waiting. */
  private silent = 0;
  private buffered = 0;
  private newestUs = Number.NEGATIVE_INFINITY;
  private late = 0;
  private merged = 0;

  /** @param emit gets the merged frames, some tens of KiB at a time */
  constructor(options: TimeMergeOptions, emit: (batch: FlowBatch) => void) {
    this.options = options;
    this.emit = emit;
  }

  /** Frames that went out behind a newer one. */
  get lateFrames(): number {
    return this.late;
  }

  get mergedFrames(): number {
    return this.merged;
  }

  get bufferedBytes(): number {
    return this.buffered;
  }

  /** Whether every source has ended and nothing is left. */
  get isDone(): boolean {
    return this.sources.size === 0;
  }

  /** Adds a source, which the others wait for from now on. */
  add(name: string): MergeSource {
    const source = new MergeSource(name);
    this.sources.add(source);
    this.silent++;
    return source;
  }

  /** Takes a source's next batch. Call `advance` when the batches of this turn are in. */
  push(source: MergeSource, batch: FlowBatch, nowMs: number): void {
    if (batch.count === 0 || source.ended) return;
    source.batches.push({ batch, arrivedUs: nowMs * 1000 });
    source.bufferedBytes += batch.bytes.length;
    this.buffered += batch.bytes.length;
    if (source.heapIndex < 0) {
      this.silent--;
      this.insert(source);
    }
  }

  /** No more comes from this source. What it left waiting still goes out in its place. */
  end(source: MergeSource): void {
    if (source.ended) return;
    source.ended = true;
    if (source.heapIndex < 0) {
      this.silent--;
      this.sources.delete(source);
    }
  }

  /** Lets out what may go out now. To be called after pushes, and now and then while something waits (see `waitMs`). */
  advance(nowMs: number): void {
    const dueUs = (nowMs - this.options.delayMs) * 1000;
    while (this.heap.length > 0) {
      const [source] = this.heap;
      const [{ arrivedUs }] = source.batches;
      const mayGo = this.silent === 0 || arrivedUs <= dueUs || this.buffered > this.options.maxBufferedBytes;
      if (!mayGo) break;
      this.take(source);
    }
    if (this.out.count > 0) this.flush();
  }

  /** How long until the next frame is due, or null when nothing waits. */
  waitMs(nowMs: number): number | null {
    if (this.heap.length === 0) return null;
    const dueMs = this.heap[0].batches[0].arrivedUs / 1000 + this.options.delayMs;
    return Math.max(0, dueMs - nowMs);
  }

  private flush(): void {
    this.emit(this.out.finish());
  }

  /** Moves the first source's next frame to the output. */
  private take(source: MergeSource): void {
    const [{ batch }] = source.batches;
    const i = source.next++;
    const timeUs = batch.timesUs[i];
    source.lastTimeUs = timeUs;
    if (source.key < this.newestUs) this.late++;
    else this.newestUs = source.key;
    this.merged++;
    const start = batch.offsets[i];
    const end = batch.offsets[i + 1];
    if (!this.out.fits(end - start)) this.flush();
    this.out.add(batch.bytes, start, end, timeUs);
    if (source.next === batch.count) {
      source.batches.shift();
      source.next = 0;
      source.bufferedBytes -= batch.bytes.length;
      this.buffered -= batch.bytes.length;
      source.onDrained?.();
    }
    if (source.isEmpty) this.removeFirst(source);
    else {
      this.setKey(source);
      this.siftDown(0);
    }
  }

  private removeFirst(source: MergeSource): void {
    const last = this.heap.pop()!;
    source.heapIndex = -1;
    if (last !== source) {
      this.heap[0] = last;
      last.heapIndex = 0;
      this.siftDown(0);
    }
    if (source.ended) this.sources.delete(source);
    else this.silent++;
  }

  private setKey(source: MergeSource): void {
    const [{ batch, arrivedUs }] = source.batches;
    source.key = Math.min(batch.timesUs[source.next], arrivedUs);
  }

  private insert(source: MergeSource): void {
    this.setKey(source);
    let at = this.heap.length;
    this.heap.push(source);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(source, this.heap[parent])) break;
      this.place(this.heap[parent], at);
      at = parent;
    }
    this.place(source, at);
  }

  private siftDown(at: number): void {
    const source = this.heap[at];
    const { length } = this.heap;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(this.heap[child + 1], this.heap[child])) child++;
      if (!isBefore(this.heap[child], source)) break;
      this.place(this.heap[child], at);
      at = child;
    }
    this.place(source, at);
  }

  private place(source: MergeSource, at: number): void {
    this.heap[at] = source;
    source.heapIndex = at;
  }
}

function isBefore(a: MergeSource, b: MergeSource): boolean {
  return a.key === b.key ? nanosOf(a) < nanosOf(b) : a.key < b.key;
}

/** Nanoseconds of a source's next frame, for frames of the same microsecond. */
function nanosOf(source: MergeSource): number {
  const [{ batch }] = source.batches;
  peekFlow(
    batch.bytes,
    batch.offsets[source.next] + FRAME_PREFIX_BYTES,
    batch.offsets[source.next + 1],
    peek,
  );
  return peek.nanos;
}
