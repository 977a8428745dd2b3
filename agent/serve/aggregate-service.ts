import { aggregateHistory, parseAggregateRequest, RowStream } from '../../history/index.ts';
import { type RawStreamHandler, RpcCode, RpcError } from '../../rpc/index.ts';
import type { AgentState } from './observer-service.ts';

/** Calls served at once: each may hold a table of some tens of MiB. */
const MAX_CALLS = 32;

/** AggregateFlows over the agent's history: the flows that GetFlows would send are counted instead. */
export function aggregateHandler(
  state: Pick<AgentState, 'ring' | 'feed' | 'ledger' | 'nodeName' | 'filterFailures'>,
): RawStreamHandler {
  let calls = 0;
  return async (call) => {
    const query = parseAggregateRequest(call.request, state.filterFailures.add);
    if (calls >= MAX_CALLS) {
      throw new RpcError(
        RpcCode.ResourceExhausted,
        `${calls} AggregateFlows calls are being served, the most this agent serves`,
      );
    }
    const { selection, intervalMs } = query;
    const rows = new RowStream(query, call);
    const timer = selection.follow ? setInterval(() => rows.answer(), intervalMs) : undefined;
    calls++;
    try {
      await aggregateHistory(state, query, rows, call, state);
      if (!call.signal.aborted) rows.answer(true);
    } finally {
      calls--;
      clearInterval(timer);
      rows.close();
    }
  };
}
