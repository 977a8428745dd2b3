import { countFrames, parseAggregateRequest, readFlows, RowStream } from '../../history/index.ts';
import { type RawStreamHandler, RpcCode, RpcError } from '../../rpc/index.ts';
import type { AgentState } from './observer-service.ts';

/** Calls served at once: each may hold a table of some tens of MiB. */
const MAX_CALLS = 32;

/** AggregateFlows over the agent's history: the flows that GetFlows would send are counted instead. */
export function aggregateHandler({
  ring,
  ledger,
  nodeName,
  filterFailures,
}: Pick<AgentState, 'ring' | 'ledger' | 'nodeName' | 'filterFailures'>): RawStreamHandler {
  let calls = 0;
  return async (call) => {
    const query = parseAggregateRequest(call.request, filterFailures.add);
    if (calls >= MAX_CALLS) {
      throw new RpcError(
        RpcCode.ResourceExhausted,
        `${calls} AggregateFlows calls are being served, the most this agent serves`,
      );
    }
    const { aggregator, selection, intervalMs } = query;
    const rows = new RowStream(query, call);
    const timer = selection.follow ? setInterval(() => rows.answer(), intervalMs) : undefined;
    calls++;
    try {
      const counting = {
        signal: call.signal,
        write: (frames: Uint8Array, onSent?: () => void): boolean => {
          countFrames(frames, aggregator, rows.losses, nodeName);
          onSent?.();
          return true;
        },
        drained: () => Promise.resolve(),
        flush: () => call.flush(),
      };
      await readFlows(ring, selection, counting, { nodeName, ledger });
      if (!call.signal.aborted) rows.answer(true);
    } finally {
      calls--;
      clearInterval(timer);
      rows.close();
    }
  };
}
