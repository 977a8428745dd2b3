import { type Address, parseAddress } from '../../rpc/address.ts';
import type { TlsFiles } from '../../rpc/tls-files.ts';
import { allTexts, type FlagSpec, type FlagUse, lastText, UsageError } from '../flags/flag-spec.ts';
import { boolFlag } from './read-flags.ts';

/** Flags of processes that serve. */
export function listenFlags(fallback: string): readonly FlagSpec[] {
  return [
    {
      name: 'listen',
      kind: 'list',
      value: 'ADDRESS',
      help: 'Where to serve: unix:///path/to.sock, host:port or :port; may be given again.',
      default: fallback,
    },
    { name: 'insecure', kind: 'bool', help: 'Serve TCP in plaintext.' },
    { name: 'tls-cert-file', kind: 'string', value: 'FILE', help: 'Server certificate (PEM) for TCP.' },
    { name: 'tls-key-file', kind: 'string', value: 'FILE', help: 'Its key (PEM).' },
    {
      name: 'tls-client-ca-files',
      kind: 'list',
      value: 'FILES',
      help: 'CAs (PEM): clients must show a certificate of one of them.',
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

/** What `listenFlags` say. Throws UsageError. */
export function readListenFlags(
  uses: readonly FlagUse[],
  fallback: string,
): { listen: Address[]; insecure: boolean; tls?: TlsFiles } {
  const given = allTexts(uses, 'listen');
  const listen = (given.length > 0 ? given : fallback.split(',')).map((text) => addressOf('listen', text));
  const insecure = boolFlag(uses, 'insecure');
  const certFile = lastText(uses, 'tls-cert-file');
  const keyFile = lastText(uses, 'tls-key-file');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--tls-cert-file and --tls-key-file go together: one of them is missing');
  }
  const clientCaFiles = allTexts(uses, 'tls-client-ca-files');
  if (certFile === undefined || keyFile === undefined) {
    if (clientCaFiles.length > 0)
      throw new UsageError('--tls-client-ca-files needs --tls-cert-file and --tls-key-file');
    return { listen, insecure };
  }
  return { listen, insecure, tls: { certFile, keyFile, clientCaFiles } };
}
