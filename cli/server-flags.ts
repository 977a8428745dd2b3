import { type ClientTls, parseAddress, RpcConnection } from '../rpc/index.ts';
import { allTexts, lastText } from './command.ts';
import { type FlagSpec, type FlagUse, UsageError } from './flags/flag-spec.ts';
import { parseBool, parseDurationMs } from './flags/parse-value.ts';

export const DEFAULT_SERVER = 'localhost:4245';

/** Flags of every command that speaks to a server; all of them also from the environment: SLUICE_<NAME>, then HUBBLE_<NAME>. */
export const serverFlags: readonly FlagSpec[] = [
  {
    name: 'server',
    kind: 'string',
    value: 'ADDRESS',
    help: 'Relay or agent: host:port, unix:///path/to.sock, or tls://host:port.',
    default: DEFAULT_SERVER,
  },
  {
    name: 'request-timeout',
    kind: 'duration',
    value: 'DURATION',
    help: 'Longest wait for a single answer; streams have none.',
    default: '12s',
  },
  { name: 'tls', kind: 'bool', help: 'Use TLS.' },
  { name: 'tls-allow-insecure', kind: 'bool', help: "Do not verify the server's certificate." },
  {
    name: 'tls-ca-cert-files',
    kind: 'list',
    value: 'FILES',
    help: 'PEM files of the CAs to trust, separated by commas; else those of the system.',
  },
  { name: 'tls-client-cert-file', kind: 'string', value: 'FILE', help: 'Client certificate (PEM).' },
  {
    name: 'tls-client-key-file',
    kind: 'string',
    value: 'FILE',
    help: 'Key of the client certificate (PEM).',
  },
  {
    name: 'tls-server-name',
    kind: 'string',
    value: 'NAME',
    help: "Name to verify on the server's certificate; else the host.",
  },
  { name: 'debug', short: 'D', kind: 'bool', help: 'Tell more on stderr, node states among it.' },
];

/** A server flag's text: from the command line, else from the environment. */
export function serverSetting(uses: readonly FlagUse[], name: string): string | undefined {
  const given = lastText(uses, name);
  if (given !== undefined) return given;
  const variable = name.toUpperCase().replaceAll('-', '_');
  return process.env[`SLUICE_${variable}`] ?? process.env[`HUBBLE_${variable}`];
}

function boolSetting(uses: readonly FlagUse[], name: string): boolean {
  const text = serverSetting(uses, name);
  return text !== undefined && parseBool(`--${name}`, text);
}

export function isDebug(uses: readonly FlagUse[]): boolean {
  return boolSetting(uses, 'debug');
}

/** Deadline of unary calls. Throws UsageError. */
export function requestTimeoutMs(uses: readonly FlagUse[]): number {
  return parseDurationMs('--request-timeout', serverSetting(uses, 'request-timeout') ?? '12s');
}

/** The server's address as given, without `tls://`. */
export function serverTarget(uses: readonly FlagUse[]): string {
  return (serverSetting(uses, 'server') ?? DEFAULT_SERVER).replace(/^tls:\/\//, '');
}

function clientTls(uses: readonly FlagUse[], wanted: boolean): ClientTls | undefined {
  const cert = serverSetting(uses, 'tls-client-cert-file');
  const key = serverSetting(uses, 'tls-client-key-file');
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError(
      '--tls-client-cert-file and --tls-client-key-file go together: one of them is missing',
    );
  }
  if (!wanted) {
    if (cert !== undefined)
      throw new UsageError('a client certificate needs --tls (or a server given as tls://…)');
    return undefined;
  }
  const given = allTexts(uses, 'tls-ca-cert-files');
  const caFiles =
    given.length > 0
      ? given
      : (serverSetting([], 'tls-ca-cert-files') ?? '').split(/\s+/).filter((file) => file !== '');
  const serverName = serverSetting(uses, 'tls-server-name');
  return {
    caFiles,
    allowInsecure: boolSetting(uses, 'tls-allow-insecure'),
    ...(serverName !== undefined && { serverName }),
    ...(cert !== undefined && { certFile: cert }),
    ...(key !== undefined && { keyFile: key }),
  };
}

/** A connection to the server that the flags name; nothing is sent yet. Throws UsageError. */
export function connectServer(uses: readonly FlagUse[]): RpcConnection {
  const text = serverSetting(uses, 'server') ?? DEFAULT_SERVER;
  const tls = clientTls(uses, boolSetting(uses, 'tls') || text.startsWith('tls://'));
  try {
    return new RpcConnection(parseAddress(text), { ...(tls !== undefined && { tls }) });
  } catch (error) {
    throw new UsageError(`invalid value for --server: ${(error as Error).message}`);
  }
}
