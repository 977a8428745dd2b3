import { enumName } from '../../proto/flow/text/enum-name.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { type ChangeNotification, ChangeNotificationType, Peer } from '../../proto/gen/peer/peer_pb.ts';
import { callStream } from '../../rpc/call-unary.ts';
import type { Invocation } from '../command.ts';
import { Output } from '../output.ts';
import { loadSettings, withServer } from '../server/with-server.ts';

const TYPE_WIDTH = 12;

/** One notification as a line. */
export function peerLine({ type, address, name, tls }: ChangeNotification): string {
  const kind = enumName(ChangeNotificationType, type).padEnd(TYPE_WIDTH);
  const server = tls === undefined ? '' : ` (TLS.ServerName: ${tls.serverName})`;
  return escapeTerminal(`${kind} ${address} ${name}${server}\n`, false);
}

/** `sluice watch peers`. */
export async function watchPeers({ uses }: Invocation): Promise<number> {
  const output = new Output();
  const settings = await loadSettings(uses);
  try {
    await withServer(settings, ({ connection, streaming }) =>
      callStream(
        connection,
        Peer.method.notify,
        {},
        { ...streaming, signal: output.closed },
        (notification) => output.write(peerLine(notification)),
      ),
    );
  } catch (error) {
    if (!output.closed.aborted) throw error;
  }
  return 0;
}
