import { toBinary } from '@bufbuild/protobuf';
import {
  DamageTally,
  FlowRing,
  type FlowSelection,
  type FrameSink,
  type LossLedger,
} from '../../history/index.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import type { Span } from './coverage.ts';
import { LimitedSink } from './limited-sink.ts';
import type { RelayStore } from './relay-store.ts';
import { boundsOf, isNewest, limitOf, peersRequest, planRequest } from './stored-request.ts';
import type { Stretch } from './plan-spans.ts';

/** Sends what peers have for a request to `take`, which says whether it takes more at once; resolves when they have said all. */
export type AskPeers = (
  request: GetFlowsRequest,
  take: (batch: FlowBatch, onSent: () => void) => boolean,
  signal: AbortSignal,
) => Promise<void>;

/** One client's request to a relay with a store. */
export interface StoredCall {
  readonly relayName: string;
  readonly ledger: LossLedger;
  readonly store: RelayStore;
  readonly request: GetFlowsRequest;
  readonly selection: FlowSelection;
  readonly sink: FrameSink;
  readonly askPeers: AskPeers;
}

/** Newest flows are kept in memory until it is known where the others begin: so many at most. */
const MAX_NEWEST = 100_000;
const MAX_NEWEST_BYTES = 64 * 1024 * 1024;

/** Answers a request from the store, and from the peers for what it lacks. False when it can do nothing better than to ask the peers for all; nothing was sent then. */
export async function answerFromStore(call: StoredCall): Promise<boolean> {
  if (call.store.isTooNew(call.selection)) return false;
  const covered = await call.store.covered(call.sink.signal);
  if (covered.length === 0) return false;
  if (isNewest(call.selection)) return sendNewest(call, covered.at(-1)!);
  const plan = planRequest(call.selection, covered);
  if (!plan.some(({ source }) => source === 'store')) return false;
  await sendPlan(call, plan);
  return true;
}

async function sendPlan(call: StoredCall, plan: readonly Stretch[]): Promise<void> {
  const { selection, request, sink } = call;
  const out = new LimitedSink(sink, limitOf(selection));
  for (const [i, stretch] of plan.entries()) {
    if (sink.signal.aborted || out.isDone) return;
    const bounds = boundsOf(stretch, selection);
    if (stretch.source === 'store') await sendStored(call, bounds, out);
    else {
      const limit = Number.isFinite(out.left) ? out.left : 0;
      const part = peersRequest(request, bounds, { limit, isLast: i === plan.length - 1 });
      await sendPeers(call, part, out);
    }
  }
}

/** Sends a stretch of the store. */
async function sendStored(
  { store, request, sink, relayName, ledger }: StoredCall,
  range: { since: FlowSelection['since']; until: FlowSelection['until']; fromSeq?: number },
  out: LimitedSink,
): Promise<void> {
  const damage = new DamageTally({ nodeName: relayName, ledger });
  const options = { range, signal: sink.signal, onDamage: damage.add };
  const limit = Number.isFinite(out.left) ? out.left : 0;
  for await (const { frames } of store.store.queries.flows(
    toBinary(GetFlowsRequestSchema, request),
    limit,
    options,
  )) {
    if (!out.write(frames)) await sink.drained();
  }
  for (const frame of damage.take()) sink.write(frame);
  sink.flush();
}

async function sendPeers(
  { sink, askPeers }: StoredCall,
  request: GetFlowsRequest,
  out: LimitedSink,
): Promise<void> {
  const enough = new AbortController();
  const signal = AbortSignal.any([sink.signal, enough.signal]);
  const take = ({ bytes }: FlowBatch, onSent: () => void): boolean => {
    const isReady = out.write(bytes, onSent);
    if (out.isDone) enough.abort();
    return isReady;
  };
  await askPeers(request, take, signal);
}

/**
 * The `number` newest flows of all nodes together: those that the peers have seen since the store's last word, and as many from the store as are missing then. A request that
 * follows gets its `number` from the store, and goes on with everything behind.
 */
async function sendNewest(call: StoredCall, last: Span): Promise<boolean> {
  const { store, request, selection, sink } = call;
  const { number, follow, until } = selection;
  if (number > MAX_NEWEST) return false;
  const bytes = toBinary(GetFlowsRequestSchema, request);
  const stored = boundsOf(last, { ...selection, since: null, until: null });
  const behind = boundsOf(
    { fromUs: last.toUs + 1, toUs: Number.POSITIVE_INFINITY },
    { ...selection, until: null },
  );
  const tail = follow ? null : await collectNewest(call, behind);
  if (sink.signal.aborted) return true;
  const missing = number - (tail?.flowCount ?? 0);
  if (missing > 0) {
    const options = { range: stored, signal: sink.signal };
    const { seq, found } = await store.store.queries.newest(bytes, missing, options);
    if (sink.signal.aborted) return true;
    // The rest is from before the store's time: then the peers know best.
    if (found < missing) return false;
    const range = { ...stored, fromSeq: seq, until: earlier(stored.until, until) };
    await sendStored(call, range, new LimitedSink(sink, missing));
  }
  if (follow) {
    const part = peersRequest(request, { ...behind, until }, { limit: 0, isLast: true });
    await sendPeers(call, part, new LimitedSink(sink, 0));
    return true;
  }
  if (tail !== null) await sendRing(tail, number, sink);
  return true;
}

function earlier(a: FlowSelection['until'], b: FlowSelection['until']): FlowSelection['until'] {
  if (a === null || b === null) return a ?? b;
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos) ? a : b;
}

/** The newest flows that came after the store's last word. */
async function collectNewest(call: StoredCall, behind: ReturnType<typeof boundsOf>): Promise<FlowRing> {
  const { request, selection, sink, askPeers } = call;
  const ring = new FlowRing({ capacity: selection.number, maxBytes: MAX_NEWEST_BYTES });
  const part = peersRequest(
    request,
    { since: behind.since, until: selection.until },
    { limit: 0, isLast: true },
  );
  const take = (batch: FlowBatch, onSent: () => void): boolean => {
    ring.append(batch);
    onSent();
    return true;
  };
  await askPeers(part, take, sink.signal);
  return ring;
}

async function sendRing(ring: FlowRing, number: number, sink: FrameSink): Promise<void> {
  for (let seq = ring.seqOfNewest(number); !sink.signal.aborted;) {
    const run = ring.read(seq, Number.POSITIVE_INFINITY, 64 * 1024);
    if (run === null) return;
    if (!sink.write(run.bytes)) await sink.drained();
    seq = run.firstSeq + run.count;
  }
}
