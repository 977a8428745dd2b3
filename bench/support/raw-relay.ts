/**
 * The real relay over the replayed agents: those that DIR/peers.json lists, with the certificates in DIR/tls, if there are any.
 *   usage: node raw-relay.ts DIR
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runRelay } from '../../relay/index.ts';
import { agentServerName } from '../../rpc/hubble-names.ts';
import { parseAddress } from '../../rpc/index.ts';

const [dir] = process.argv.slice(2);
const addresses = (JSON.parse(readFileSync(join(dir, 'peers.json'), 'utf8')) as string[]).map(parseAddress);
const tlsDir = join(dir, 'tls');
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
let connected = 0;

await runRelay(
  {
    name: 'bench',
    listen: [parseAddress(`unix://${dir}/relay.sock`)],
    insecure: true,
    peers: addresses,
    ...(existsSync(tlsDir) && {
      peerTls: {
        serverName: agentServerName('east', 'node1'),
        caFiles: [join(tlsDir, 'ca.crt')],
        certFile: join(tlsDir, 'relay-client.crt'),
        keyFile: join(tlsDir, 'relay-client.key'),
      },
    }),
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
