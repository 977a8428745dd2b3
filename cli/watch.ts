import { enumName } from '../proto/flow/text/names.ts';
import { escapeTerminal } from '../proto/flow/text/terminal.ts';
import { ChangeNotificationType, Peer } from '../proto/gen/peer/peer_pb.ts';
import { callStream } from '../rpc/index.ts';
import { type Command, type Invocation } from './command.ts';
import { Output } from './output.ts';
import { connectServer } from './server-flags.ts';

async function watchPeers({ uses }: Invocation): Promise<number> {
  const connection = connectServer(uses);
  const output = new Output();
  try {
    await callStream(connection, Peer.method.notify, {}, {}, async ({ type, address, name, tls }) => {
      const kind = enumName(ChangeNotificationType, type).padEnd(12);
      const server = tls === undefined ? '' : ` (TLS.ServerName: ${tls.serverName})`;
      await output.write(escapeTerminal(`${kind} ${address} ${name}${server}\n`, false));
      if (output.isClosed) connection.close();
    });
    return 0;
  } catch (error) {
    if (output.isClosed) return 0;
    throw error;
  } finally {
    connection.close();
  }
}

export const watchCommand: Command = {
  name: 'watch',
  aliases: ['w'],
  summary: 'Watch the nodes of a cluster come and go',
  subcommands: [
    {
      name: 'peers',
      aliases: ['peer'],
      summary: "Watch an agent's Peer service (agents only)",
      examples: '  sluice watch peers --server unix:///var/run/sluice/agent.sock',
      maxPositionals: 0,
      run: watchPeers,
    },
  ],
};
