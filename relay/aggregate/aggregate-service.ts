import { parseAggregateRequest, RowStream } from '../../history/index.ts';
import { type RawStreamHandler, RpcCode, RpcError } from '../../rpc/index.ts';
import type { PeerDirectory } from '../peer/peer-directory.ts';
import { forwardedMetadata } from '../serve/forwarded-metadata.ts';
import { RowUpstream } from './row-upstream.ts';

/** Calls served at once: each has a stream to every peer, and may hold a table of some tens of MiB. */
const MAX_CALLS = 32;
/** Peers at work give a sign of life every two seconds. */
const SILENCE_MS = 10_000;

/** AggregateFlows over all peers: their rows, added up. */
export function aggregateHandler(
  relayName: string,
  directory: PeerDirectory,
  silenceMs: number = SILENCE_MS,
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
      await new RowUpstream({ relayName, directory, query, metadata, rows, signal, silenceMs }).run();
    } finally {
      calls--;
      rows.close();
    }
  };
}
