import { fileURLToPath } from 'node:url';
import { type Address, parseAddress } from '../../rpc/address.ts';
import { DEFAULT_LIMITS, type ServerLimits } from '../../rpc/limits.ts';
import type { PageOptions } from '../../rpc/serve-page.ts';
import type { TlsFiles } from '../../rpc/tls-files.ts';
import {
  allTexts,
  type FlagSpec,
  type FlagUse,
  invalidValue,
  lastText,
  UsageError,
} from '../../flags/flag-spec.ts';
import { boolFlag, uintFlag } from './read-flags.ts';

const PAGE_DIRECTORY = fileURLToPath(new URL('../../build/ui', import.meta.url));
const MIN_TOKEN = 16;

/** Flags of processes that serve. */
export function listenFlags(fallback: string): readonly FlagSpec[] {
  return [
    {
      name: 'listen',
      kind: 'list',
      value: 'ADDRESS',
      help: 'Where to serve: unix:///path/to.sock, host:port, :port, or tls://host:port for TLS alone; may be given again.',
      default: fallback,
    },
    {
      name: 'insecure',
      kind: 'bool',
      help: 'Serve TCP in plaintext; with a certificate, TLS on the same port as well.',
    },
    { name: 'tls-cert-file', kind: 'string', value: 'FILE', help: 'Server certificate (PEM) for TCP.' },
    { name: 'tls-key-file', kind: 'string', value: 'FILE', help: 'Its key (PEM).' },
    {
      name: 'tls-client-ca-files',
      kind: 'list',
      value: 'FILES',
      help: 'CAs (PEM): clients must show a certificate of one of them.',
    },
    {
      name: 'max-connections',
      kind: 'uint',
      value: 'N',
      help: 'Connections at once on each address.',
      default: String(DEFAULT_LIMITS.maxConnections),
    },
    {
      name: 'max-streams-per-connection',
      kind: 'uint',
      value: 'N',
      help: 'Calls at once on one connection.',
      default: String(DEFAULT_LIMITS.maxStreamsPerConnection),
    },
    {
      name: 'allow-origin',
      kind: 'list',
      value: 'ORIGIN',
      help: 'Web pages that may call, by origin, such as https://ui.example.org (default: none but its own).',
    },
    {
      name: 'ui',
      kind: 'string',
      value: 'on|off',
      help: 'Serve the service map to browsers: on this machine, or with a client certificate.',
      default: 'on',
    },
    {
      name: 'ui-token',
      kind: 'string',
      value: 'TOKEN',
      help: 'Serve it to any browser that shows this, and to no other: open /?token=TOKEN.',
    },
  ];
}

/** Reads an address given for a flag. Throws UsageError. */
export function addressOf(flag: string, text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new UsageError(`invalid value "${text}" for --${flag}: ${(error as Error).message}`);
  }
}

/** How a process serves. */
export interface ListenSettings {
  readonly listen: readonly Address[];
  readonly insecure: boolean;
  readonly limits: Partial<ServerLimits>;
  readonly allowedOrigins: readonly string[];
  readonly page?: PageOptions;
  readonly tls?: TlsFiles;
}

/** What `--ui` and `--ui-token` say. Throws UsageError. */
function readPageFlags(uses: readonly FlagUse[]): Pick<ListenSettings, 'page'> {
  const ui = lastText(uses, 'ui') ?? 'on';
  const token = lastText(uses, 'ui-token');
  if (ui !== 'on' && ui !== 'off') throw invalidValue('--ui', ui, 'on or off');
  if (token !== undefined && ui === 'off') throw new UsageError('--ui-token needs --ui on');
  if (token !== undefined && token.length < MIN_TOKEN) {
    throw invalidValue(
      '--ui-token',
      token,
      `${MIN_TOKEN} characters or more, such as openssl rand -hex 16 makes`,
    );
  }
  if (ui === 'off') return {};
  return { page: { directory: PAGE_DIRECTORY, ...(token !== undefined && { token }) } };
}

/** What `listenFlags` say. Throws UsageError. */
export function readListenFlags(uses: readonly FlagUse[], fallback: string): ListenSettings {
  const given = allTexts(uses, 'listen');
  const listen = (given.length > 0 ? given : fallback.split(',')).map((text) => addressOf('listen', text));
  const insecure = boolFlag(uses, 'insecure');
  const count = (name: string, fallback: number): number =>
    uintFlag(uses, name, fallback, { min: 1, max: 1_000_000 });
  const limits = {
    maxConnections: count('max-connections', DEFAULT_LIMITS.maxConnections),
    maxStreamsPerConnection: count('max-streams-per-connection', DEFAULT_LIMITS.maxStreamsPerConnection),
  };
  const allowedOrigins = allTexts(uses, 'allow-origin');
  for (const text of allowedOrigins) {
    if (!URL.canParse(text) || new URL(text).origin !== text) {
      throw invalidValue('--allow-origin', text, 'scheme and host of a page, such as https://ui.example.org');
    }
  }
  const page = readPageFlags(uses);
  const certFile = lastText(uses, 'tls-cert-file');
  const keyFile = lastText(uses, 'tls-key-file');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--tls-cert-file and --tls-key-file go together: one of them is missing');
  }
  const clientCaFiles = allTexts(uses, 'tls-client-ca-files');
  if (certFile === undefined || keyFile === undefined) {
    if (clientCaFiles.length > 0)
      throw new UsageError('--tls-client-ca-files needs --tls-cert-file and --tls-key-file');
    return { listen, insecure, limits, allowedOrigins, ...page };
  }
  return { listen, insecure, limits, allowedOrigins, ...page, tls: { certFile, keyFile, clientCaFiles } };
}
