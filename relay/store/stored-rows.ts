import { clone } from '@bufbuild/protobuf';
import {
  addStoredRows,
  type AggregateQuery,
  DamageTally,
  type LossLedger,
  type RowStream,
} from '../../history/index.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { AggregateFlowsRequestSchema } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import type { RelayStore } from './relay-store.ts';
import { boundsOf, hasNumber, peersRequest, planRequest } from './stored-request.ts';

/** One client's AggregateFlows request to a relay with a store. */
export interface StoredRowsCall {
  readonly relayName: string;
  readonly ledger: LossLedger;
  readonly store: RelayStore;
  readonly query: AggregateQuery;
  readonly rows: RowStream;
  readonly signal: AbortSignal;
}

/**
 * Counts what the store has of a request, and yields what is left to ask the peers for, part by part: each has to be counted before the next is asked for. The last part follows if the
 * request does. Where the store is of no use, the request itself is the only part.
 */
export async function* countFromStore(
  call: StoredRowsCall,
): AsyncGenerator<{ readonly query: AggregateQuery; readonly isLast: boolean }, void> {
  const { store, query, signal } = call;
  const { selection, flows } = query;
  const isLive = selection.follow && selection.number === 0 && selection.since === null;
  const isOfUse = !isLive && !store.isTooNew(selection) && !hasNumber(selection);
  const plan = isOfUse ? planRequest(selection, await store.covered(signal)) : [];
  if (!plan.some(({ source }) => source === 'store')) {
    yield { query, isLast: true };
    return;
  }
  for (const [i, stretch] of plan.entries()) {
    if (signal.aborted) return;
    const isLast = i === plan.length - 1;
    const bounds = boundsOf(stretch, selection);
    if (stretch.source === 'store') {
      await countStretch(call, bounds);
      continue;
    }
    const request = clone(AggregateFlowsRequestSchema, query.request);
    request.flows = peersRequest(flows, bounds, isLast);
    yield { query: { ...query, request, flows: request.flows }, isLast };
  }
}

async function countStretch(
  { store, query, rows, signal, relayName, ledger }: StoredRowsCall,
  range: ReturnType<typeof boundsOf>,
): Promise<void> {
  const damage = new DamageTally({ nodeName: relayName, ledger });
  await addStoredRows(store.store.queries, query, rows, { range, signal, onDamage: damage.add });
  for (const frame of damage.take()) rows.losses.addMessage(frame, FRAME_PREFIX_BYTES, frame.length);
}
