import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { ArrivalList } from './arrival-list.ts';
import type { MergeOutput } from './merge-output.ts';
import { MergeSource, type PendingBatch } from './merge-source.ts';
import { SourceHeap } from './source-heap.ts';

/** How a merge weighs order against waiting. */
export interface TimeMergeOptions {
  /**
   * `live`: frames as they happen. Each waits for `delayMs` at most, and not even that once a source has filled its share of the buffer.
   * `stored`: frames of the past, ordered by their times alone, whatever that takes; only a source from which nothing has come for `delayMs` is passed over.
   */
  readonly mode: 'live' | 'stored';
  /** Read anew each time: it may grow while the merge runs. */
  readonly delayMs: () => number;
  /** Bytes that all sources together may have waiting; each has an equal share. */
  readonly maxBufferedBytes: number;
}

/** Where merged frames go, and who is told. */
export interface MergeListener {
  readonly output: MergeOutput;
  /** Told of each frame that is no flow as it is merged: the message at `bytes[start, end)`. */
  readonly onNotice?: (source: MergeSource, bytes: Uint8Array, start: number, end: number) => void;
  /** Told of a source that a merge of stored frames waits for no longer. */
  readonly onPassedOver?: (source: MergeSource) => void;
}

/** A source's share at least. Live, a source that fills it costs the order of all; of what is stored, it only has to wait for its turn. */
const MIN_SHARE_BYTES = { live: 64 * 1024, stored: 16 * 1024 };
/** How far ahead of its arrival a flow's time may be and still count, as a part of the delay: good clocks differ by milliseconds. */
const AHEAD_SHARE = 0.5;

/**
 * Merges sources that are each in the order of time into one, without decoding: a heap over the sources' next frames, by envelope time. A frame goes out when no
 * source can have an older one (all have a frame waiting, or have ended), or when it has waited for the delay: so a source that is silent or slow holds the others up for
 * that long and no longer.
 *
 * Live, a clock that runs ahead is taken back to the time of arrival, so that its frames neither wait nor push the others on. Frames of a clock that lags are the oldest
 * whenever they come: they go out next, and are counted as late. Frames themselves are never changed.
 */
export class TimeMerge {
  private readonly options: TimeMergeOptions;
  private readonly listener: MergeListener;
  private readonly sources = new Set<MergeSource>();
  private readonly heap = new SourceHeap();
  private readonly out: MergeOutput;
  private readonly arrivals = new ArrivalList();
  /** Sources that are waited for: nothing of theirs is here, and something may come. */
  private silent = 0;
  /** Sources that fill their share of the buffer. */
  private full = 0;
  private buffered = 0;
  private newestUs = Number.NEGATIVE_INFINITY;
  private merged = 0;
  private late = 0;
  private ahead = 0;
  private isHeld = false;
  /** Time for which the listener took no frames. Nothing ages meanwhile, or one slow reader would cost all order. */
  private heldMs = 0;
  private heldSinceMs: number | null = null;

  constructor(options: TimeMergeOptions, listener: MergeListener) {
    this.options = options;
    this.listener = listener;
    this.out = listener.output;
  }

  /** Flows that went out. */
  get mergedFlows(): number {
    return this.merged;
  }

  /** Flows that went out behind a newer one, and had happened after their source was asked. */
  get lateFlows(): number {
    return this.late;
  }

  /** Flows whose times were further ahead of their arrival than good clocks differ. */
  get aheadFlows(): number {
    return this.ahead;
  }

  get bufferedBytes(): number {
    return this.buffered;
  }

  /** Whether every source has ended and nothing is left. */
  get isDone(): boolean {
    return this.sources.size === 0 && this.out.count === 0;
  }

  /**
   * Adds a source, which the others wait for from now on.
   * @param nowMs a clock that never jumps, the same in every call
   * @param wallUs the time of day, in µs since 1970: flows from before it are no fault of the delay, and do not count as late
   */
  add(name: string, nowMs: number, wallUs: number): MergeSource {
    const source = new MergeSource(name, this.clock(nowMs), wallUs);
    this.sources.add(source);
    this.silent++;
    return source;
  }

  /**
   * Takes a source's next batch. Call `advance` when the batches of this turn are in.
   * @param wallUs the time of day, in µs since 1970, that the times of flows are compared with
   */
  push(source: MergeSource, batch: FlowBatch, nowMs: number, wallUs: number): void {
    if (batch.count === 0 || source.ended) return;
    const { mode, delayMs } = this.options;
    const aheadUs = delayMs() * 1000 * AHEAD_SHARE;
    const pending: PendingBatch = {
      batch,
      arrivedMs: this.clock(nowMs),
      arrivedUs: wallUs,
      latestUs: mode === 'stored' ? Number.POSITIVE_INFINITY : wallUs + aheadUs,
      before: null,
      after: null,
    };
    source.pending.push(pending);
    this.arrivals.add(pending);
    source.bufferedBytes += batch.bytes.length;
    this.buffered += batch.bytes.length;
    this.noteFull(source, source.bufferedBytes >= this.shareBytes);
    if (source.heapIndex < 0) {
      if (!source.isPassedOver) this.silent--;
      source.isPassedOver = false;
      source.look();
      this.heap.add(source);
    }
  }

  /** No more comes from this source. What it left waiting still goes out in its place. */
  end(source: MergeSource): void {
    if (source.ended) return;
    source.ended = true;
    if (source.heapIndex >= 0) return;
    if (!source.isPassedOver) this.silent--;
    this.sources.delete(source);
  }

  /**
   * Lets out what may go out now. To be called after pushes and ends, when the output takes frames again, and when `waitMs` is over. Returns whether the output takes
   * more.
   */
  advance(nowMs: number): boolean {
    if (this.heldSinceMs !== null) this.heldMs += nowMs - this.heldSinceMs;
    this.heldSinceMs = null;
    this.isHeld = false;
    const clockMs = this.clock(nowMs);
    while (!this.isHeld && this.heap.size > 0 && this.mayGo(clockMs)) this.take(this.heap.first, clockMs);
    if (!this.isHeld && this.out.count > 0) this.flush();
    if (this.isHeld) this.heldSinceMs = nowMs;
    return !this.isHeld;
  }

  /** How long until something may go that may not yet, or null when nothing waits. */
  waitMs(nowMs: number): number | null {
    if (this.heap.size === 0) return null;
    const { mode, delayMs } = this.options;
    const sinceMs = mode === 'stored' ? this.longestSilenceMs : this.arrivals.oldestMs;
    return Math.max(0, sinceMs + delayMs() - this.clock(nowMs));
  }

  private get shareBytes(): number {
    return Math.max(
      MIN_SHARE_BYTES[this.options.mode],
      this.options.maxBufferedBytes / Math.max(1, this.sources.size),
    );
  }

  /** The clock on which frames age. */
  private clock(nowMs: number): number {
    return (this.heldSinceMs ?? nowMs) - this.heldMs;
  }

  private mayGo(clockMs: number): boolean {
    if (this.silent === 0) return true;
    const dueMs = clockMs - this.options.delayMs();
    if (this.options.mode === 'stored') {
      if (this.longestSilenceMs > dueMs) return false;
      this.passOver(dueMs);
      return this.silent === 0;
    }
    // A frame that is due lets out everything older than itself first, whenever that came: a source whose clock lags has the oldest frames all the time, and must not
    // keep the others from going.
    return this.full > 0 || this.arrivals.oldestMs <= dueMs;
  }

  /** Since when the source waited for longest has been silent. */
  private get longestSilenceMs(): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const source of this.sources) {
      if (isWaitedFor(source)) sinceMs = Math.min(sinceMs, source.silentSinceMs);
    }
    return sinceMs;
  }

  private passOver(dueMs: number): void {
    for (const source of this.sources) {
      if (!isWaitedFor(source) || source.silentSinceMs > dueMs) continue;
      source.isPassedOver = true;
      this.silent--;
      this.listener.onPassedOver?.(source);
    }
  }

  /** Moves the first source's next frame to the output. */
  private take(source: MergeSource, clockMs: number): void {
    const pending = source.pending[0];
    const { batch } = pending;
    const i = source.next++;
    const start = batch.offsets[i];
    const end = batch.offsets[i + 1];
    if (!this.out.fits(end - start)) this.flush();
    this.out.put(batch.bytes, start, end, batch.timesUs[i], source.isFlow);
    if (source.isFlow) {
      this.merged++;
      if (source.key >= this.newestUs) this.newestUs = source.key;
      else if (!source.isCatchingUp) this.late++;
      if (batch.timesUs[i] > pending.latestUs) this.ahead++;
    } else this.listener.onNotice?.(source, batch.bytes, start + FRAME_PREFIX_BYTES, end);
    if (source.next === batch.count) this.dropFirst(source);
    if (source.pending.length > 0) {
      source.look();
      this.heap.firstChanged();
      return;
    }
    this.heap.removeFirst();
    source.silentSinceMs = clockMs;
    if (source.ended) this.sources.delete(source);
    else this.silent++;
  }

  /** Forgets a source's first batch, which is wholly taken. */
  private dropFirst(source: MergeSource): void {
    const pending = source.pending.shift()!;
    this.arrivals.remove(pending);
    source.next = 0;
    source.bufferedBytes -= pending.batch.bytes.length;
    this.buffered -= pending.batch.bytes.length;
    const share = this.shareBytes;
    if (source.bufferedBytes < share) this.noteFull(source, false);
    if (source.bufferedBytes < share / 2) source.onRoom?.();
  }

  private noteFull(source: MergeSource, isFull: boolean): void {
    if (source.isFull === isFull) return;
    source.isFull = isFull;
    this.full += isFull ? 1 : -1;
  }

  private flush(): void {
    if (!this.out.send()) this.isHeld = true;
  }
}

function isWaitedFor(source: MergeSource): boolean {
  return source.heapIndex < 0 && !source.isPassedOver && !source.ended;
}
