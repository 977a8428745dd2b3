// The client alone: rpc/index.ts would load the server too, which takes longer than all the rest of a short command.
import { type Address, parseAddress } from '../../rpc/address.ts';
import { type CallOptions, RpcConnection } from '../../rpc/client.ts';
import { RpcCode, RpcError } from '../../rpc/rpc-error.ts';
import { CommandError } from '../describe-error.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import type { Settings } from '../settings/settings.ts';
import { authorization, clientTls } from './client-tls.ts';
import type { PortForward } from './port-forward.ts';
import { serverHints } from './server-hints.ts';
import { versionWarning } from './version-warning.ts';

export { loadSettings } from './load-settings.ts';

/** A server that a command speaks to. */
export interface Server {
  readonly connection: RpcConnection;
  readonly settings: Settings;
  /** The address as it was given, without `tls://`. */
  readonly target: string;
  /** For calls with one answer: deadline and headers. */
  readonly unary: CallOptions;
  /** For streams: headers. */
  readonly streaming: CallOptions;
}

/** Loaded for those who want it only. */
async function forwardPort(settings: Settings): Promise<PortForward> {
  const { startPortForward } = await import('./port-forward.ts');
  return startPortForward({
    localPort: Number(settings.text('port-forward-port')),
    context: settings.text('kube-context') ?? '',
    namespace: settings.text('kube-namespace') ?? '',
    kubeconfig: settings.text('kubeconfig') ?? '',
  });
}

function addressOf(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new UsageError(`invalid value "${text}" for --server: ${(error as Error).message}`);
  }
}

/**
 * Runs a command's work with a connection to the server that its settings name; closes the connection in the end. Nothing is sent before the first call.
 * Throws UsageError for settings that do not fit, CommandError for a call that failed, with what can be done about it.
 */
export async function withServer<T>(settings: Settings, work: (server: Server) => Promise<T>): Promise<T> {
  const text = settings.text('server')!;
  const tls = clientTls(settings);
  const metadata = authorization(settings);
  let hasWarned = false;
  const onHeaders: CallOptions['onHeaders'] = (headers) => {
    const warning = hasWarned ? undefined : versionWarning(headers);
    if (warning === undefined) return;
    hasWarned = true;
    process.stderr.write(`${warning}\n`);
  };
  const timeoutMs = settings.durationMs('request-timeout');
  const connectTimeoutMs = settings.durationMs('timeout');
  const forward = settings.bool('port-forward') ? await forwardPort(settings) : null;
  const address = forward?.address ?? text;
  const connection = new RpcConnection(addressOf(address), {
    connectTimeoutMs,
    ...(tls !== undefined && { tls }),
  });
  try {
    return await work({
      connection,
      settings,
      target: address.replace(/^tls:\/\//, ''),
      unary: { timeoutMs, metadata, onHeaders },
      streaming: { metadata, onHeaders },
    });
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw new CommandError(rpcErrorText(error), serverHints(error, address, connection.state), {
      cause: error,
    });
  } finally {
    connection.close();
    forward?.close();
  }
}

const codeNames = new Map<number, string>(
  Object.entries(RpcCode).map(([name, code]) => [
    code,
    name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
  ]),
);

/** A failed call in words: the server's own for UNKNOWN, else with the code in front. */
export function rpcErrorText({ code, message }: RpcError): string {
  if (code === RpcCode.Unknown) return message;
  const name = codeNames.get(code) ?? `CODE ${code as number}`;
  return message === '' ? name : `${name}: ${message}`;
}
