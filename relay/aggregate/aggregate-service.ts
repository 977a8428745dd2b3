import { type LossLedger, parseAggregateRequest, RowStream } from '../../history/index.ts';
import { type RawStreamHandler, RpcCode, RpcError } from '../../rpc/index.ts';
import type { PeerDirectory } from '../peer/peer-directory.ts';
import { forwardedMetadata } from '../serve/forwarded-metadata.ts';
import type { RelayStore } from '../store/relay-store.ts';
import { countFromStore } from '../store/stored-rows.ts';
import { RowUpstream } from './row-upstream.ts';

/** Calls served at once: each has a stream to every peer, and may hold a table of some tens of MiB. */
const MAX_CALLS = 32;
/** Peers at work give a sign of life every two seconds. */
const SILENCE_MS = 10_000;

/** A store that may have what is asked for, and where damage in it is counted. */
export interface RowStore {
  readonly store: RelayStore;
  readonly ledger: LossLedger;
}

/** AggregateFlows over all peers: their rows, added up. What the relay has on disk itself is counted there. */
export function aggregateHandler(
  relayName: string,
  directory: PeerDirectory,
  silenceMs: number = SILENCE_MS,
  rowStore: RowStore | null = null,
): RawStreamHandler {
  let calls = 0;
  return async (call) => {
    const query = parseAggregateRequest(call.request);
    if (calls >= MAX_CALLS) {
      throw new RpcError(
        RpcCode.ResourceExhausted,
        `${calls} AggregateFlows calls are being served, the most this relay serves`,
      );
    }
    const { signal } = call;
    const metadata = forwardedMetadata(Object.entries(call.headers));
    const rows = new RowStream(query, call);
    calls++;
    try {
      call.flush();
      const upstream = { relayName, directory, metadata, rows, signal, silenceMs };
      if (rowStore === null) {
        await new RowUpstream({ ...upstream, query }).run();
        return;
      }
      let isAnswered = false;
      for await (const { query: part, isLast } of countFromStore({
        ...rowStore,
        relayName,
        query,
        rows,
        signal,
      })) {
        await new RowUpstream({ ...upstream, query: part, isPart: !isLast }).run();
        isAnswered = isLast;
      }
      if (!isAnswered && !signal.aborted) rows.answer(true);
    } finally {
      calls--;
      rows.close();
    }
  };
}
