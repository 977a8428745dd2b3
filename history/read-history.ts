import { findStart } from './find-start.ts';
import { type FrameSink, type ReaderContext, readFlows, readFlowsFrom } from './flow-reader.ts';
import type { FlowRing } from './flow-ring.ts';
import { compareTime, type FlowSelection } from './flow-selection.ts';
import { DamageTally } from './store/damage-tally.ts';
import type { QueryRange } from './store/query/store-queries.ts';
import type { RingFeed } from './store/ring-feed.ts';

/** Flows may be out of order by so much: where the ring's oldest is not older than that before a time, the store is asked, too. */
const DISORDER_US = 5_000_000;
/** Longest wait for a block to get to the disk, when the ring has given up what stands in it. */
const FLUSH_WAIT_MS = 5000;

/**
 * Deals with a part of the store.
 * @param limit most flows; 0 = all
 * Resolves to how many it delivered.
 */
export type StoredPart = (range: QueryRange, limit: number) => Promise<number>;

/** Flows in memory, and what there is on disk of those that the ring has overwritten. */
export interface History {
  readonly ring: FlowRing;
  /** Absent: nothing is kept on disk. */
  readonly feed?: RingFeed;
}

/**
 * Sends the selected flows to a sink like `readFlows`, those first that only the store has: without a gap and without a duplicate, since both number their entries alike.
 * @param request the encoded GetFlowsRequest of which the selection was made
 */
export async function readHistory(
  history: History,
  request: Uint8Array,
  selection: FlowSelection,
  sink: FrameSink,
  context: ReaderContext,
): Promise<void> {
  const { feed } = history;
  const streamPart = async (range: QueryRange, limit: number): Promise<number> => {
    const damage = new DamageTally(context);
    let flows = 0;
    const options = { range, signal: sink.signal, onDamage: damage.add };
    for await (const chunk of feed!.store.queries.flows(request, limit, options)) {
      flows += chunk.flows;
      if (!sink.write(chunk.frames)) await sink.drained();
      if (sink.signal.aborted) break;
    }
    for (const frame of damage.take()) sink.write(frame);
    sink.flush();
    return flows;
  };
  await readHistoryParts(history, request, selection, streamPart, sink, context);
}

/** The same with another way to deal with the stored part, such as counting it where it stands. */
export async function readHistoryParts(
  history: History,
  request: Uint8Array,
  selection: FlowSelection,
  storedPart: StoredPart,
  sink: FrameSink,
  context: ReaderContext,
): Promise<void> {
  const { ring, feed } = history;
  // What is only to come needs nothing from the disk, and must not wait for it.
  const isLive = selection.follow && selection.number === 0 && selection.since === null;
  const start =
    feed === undefined || isLive ? null : await storedStart(ring, feed, request, selection, sink.signal);
  if (feed === undefined || start === null) {
    await readFlows(ring, selection, sink, context);
    return;
  }
  const { number, follow, since, until } = selection;
  const isLimited = !follow && number > 0;
  let delivered = 0;
  let seq = start;
  while (!sink.signal.aborted) {
    // The younger half of the ring stays there long enough to be read from it.
    const handOver = feed.storeSeq(Math.max(ring.oldestSeq, ring.endSeq - (ring.capacity >> 1)));
    if (seq >= handOver) break;
    const toSeq = Math.min(handOver, feed.store.flushedSeq);
    if (toSeq > seq) {
      const limit = isLimited ? Math.max(1, number - delivered) : 0;
      delivered += await storedPart({ fromSeq: seq, toSeq, since, until }, limit);
      seq = toSeq;
      if (isLimited && delivered >= number) return;
    } else if (seq >= feed.storeSeq(ring.oldestSeq) || !(await hasFlushed(feed, seq, sink.signal))) break;
  }
  if (sink.signal.aborted) return;
  await readFlowsFrom(ring, { seq: feed.ringSeq(seq), delivered }, selection, sink, context);
}

/** The number of the store's entry at which a selection starts, or null when the ring has all of it. */
async function storedStart(
  ring: FlowRing,
  feed: RingFeed,
  request: Uint8Array,
  selection: FlowSelection,
  signal: AbortSignal,
): Promise<number | null> {
  const { number, first, since } = selection;
  if (feed.store.oldestSeq >= feed.storeSeq(ring.oldestSeq)) return null;
  if (since !== null) {
    const oldest = ring.read(ring.oldestSeq, 1, 1);
    const limit = { seconds: since.seconds - DISORDER_US / 1e6, nanos: since.nanos };
    return oldest !== null && compareTime(oldest, 0, limit) < 0 ? null : 0;
  }
  if (first || number === 0) return 0;
  const { seq, missing } = await findStart(ring, selection);
  if (missing === 0) return null;
  if (missing === Number.POSITIVE_INFINITY) return 0;
  // What the ring has given up meanwhile has to be on disk to be counted there.
  const toSeq = feed.storeSeq(seq);
  if (feed.store.flushedSeq < toSeq) await hasFlushed(feed, toSeq - 1, signal);
  const start = await feed.store.queries.newest(request, missing, { range: { toSeq }, signal });
  return start.found === 0 ? toSeq : start.seq;
}

/** Waits until the store has an entry on disk. False when it does not come to that. */
async function hasFlushed({ store }: RingFeed, seq: number, signal: AbortSignal): Promise<boolean> {
  const endMs = performance.now() + FLUSH_WAIT_MS;
  store.flush();
  while (store.flushedSeq <= seq && !signal.aborted && performance.now() < endMs) {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((resolve) => (timer = setTimeout(resolve, 100)));
    await Promise.race([store.changed, pause]);
    clearTimeout(timer);
  }
  return store.flushedSeq > seq;
}
