import { toBinary } from '@bufbuild/protobuf';
import { DamageTally, type FlowSelection, type FrameSink, type LossLedger } from '../../history/index.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import type { RelayStore } from './relay-store.ts';
import { boundsOf, hasNumber, peersRequest, planRequest } from './stored-request.ts';
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

/**
 * Answers a request from the store, and from the peers for what it lacks. False when it can do nothing better than to ask the peers for all; nothing was sent then.
 *
 * A `number` is the peers' to count: as with Hubble's relay it is a number of flows of each node, which a store of the flows of all cannot tell apart.
 */
export async function answerFromStore(call: StoredCall): Promise<boolean> {
  if (hasNumber(call.selection) || call.store.isTooNew(call.selection)) return false;
  const covered = await call.store.covered(call.sink.signal);
  if (covered.length === 0) return false;
  const plan = planRequest(call.selection, covered);
  if (!plan.some(({ source }) => source === 'store')) return false;
  await sendPlan(call, plan);
  return true;
}

async function sendPlan(call: StoredCall, plan: readonly Stretch[]): Promise<void> {
  const { selection, request, sink } = call;
  for (const [i, stretch] of plan.entries()) {
    if (sink.signal.aborted) return;
    const bounds = boundsOf(stretch, selection);
    if (stretch.source === 'store') await sendStored(call, bounds);
    else await sendPeers(call, peersRequest(request, bounds, i === plan.length - 1));
  }
}

/** Sends a stretch of the store. */
async function sendStored(
  { store, request, sink, relayName, ledger }: StoredCall,
  range: ReturnType<typeof boundsOf>,
): Promise<void> {
  const damage = new DamageTally({ nodeName: relayName, ledger });
  const options = { range, signal: sink.signal, onDamage: damage.add };
  const flows = store.store.queries.flows(toBinary(GetFlowsRequestSchema, request), 0, options);
  for await (const { frames } of flows) {
    if (!sink.write(frames)) await sink.drained();
  }
  for (const frame of damage.take()) sink.write(frame);
  sink.flush();
}

async function sendPeers({ sink, askPeers }: StoredCall, request: GetFlowsRequest): Promise<void> {
  await askPeers(request, ({ bytes }, onSent) => sink.write(bytes, onSent), sink.signal);
}
