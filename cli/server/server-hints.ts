import { existsSync } from 'node:fs';
import type { ConnectionState } from '../../rpc/client.ts';
import { RpcCode, type RpcError } from '../../rpc/rpc-error.ts';
import { DEFAULT_SERVER } from '../../flags/server-flags.ts';
import { tlsHint } from './tls-hints.ts';

/** Where servers of this machine listen by default: the lab's relay above both clusters, a relay, an agent, Cilium's agent. */
const LOCAL_SOCKETS = [
  '/run/sluice/lab/relay.sock',
  '/var/run/sluice/relay.sock',
  '/var/run/sluice/agent.sock',
  '/var/run/cilium/hubble.sock',
];

/** What can be done about a call that failed. */
export function serverHints(
  { code, message }: RpcError,
  server: string,
  { name: state }: ConnectionState,
  exists: (path: string) => boolean = existsSync,
): string[] {
  if (code === RpcCode.Unavailable && state === 'failed' && message.startsWith('cannot connect')) {
    const hint = tlsHint(message);
    if (hint !== undefined) return [hint];
    if (server !== DEFAULT_SERVER) return [];
    const socket = LOCAL_SOCKETS.find(exists);
    return socket === undefined
      ? ['Name a relay or agent with --server ADDRESS or SLUICE_SERVER, or start the lab: npm start']
      : [`There is a server on this machine: try --server unix://${socket}`];
  }
  if (code === RpcCode.Unimplemented) {
    return [
      'The server does not serve this: relays have no agent or debug events, agents have no list of nodes.',
    ];
  }
  return [];
}
