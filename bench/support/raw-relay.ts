/**
 * The real relay over the replayed agents.
 *   usage: node raw-relay.ts DIR PEERS
 */
import { runRelay } from '../../relay/index.ts';
import { parseAddress } from '../../rpc/index.ts';

const [dir, peers] = process.argv.slice(2);
const addresses = Array.from({ length: Number(peers) }, (_, i) =>
  parseAddress(`unix://${dir}/agent-${i}.sock`),
);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
let connected = 0;

await runRelay(
  {
    name: 'bench',
    listen: [parseAddress(`unix://${dir}/relay.sock`)],
    insecure: true,
    peers: addresses,
    mergeDelayMs: 300,
    maxBufferedBytes: 256 * 1024 * 1024,
    liveBufferFlows: 262_144,
    liveBufferBytes: 128 * 1024 * 1024,
  },
  {
    signal: stop.signal,
    log: (line) => {
      if (line.includes('peer connected') && ++connected === addresses.length) process.send?.('ready');
    },
  },
);
