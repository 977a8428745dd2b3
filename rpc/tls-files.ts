import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import {
  checkServerIdentity,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type Server,
  type TlsOptions,
} from 'node:tls';

/** Certificate files of a server. With `clientCaFiles` a client must show a certificate that one of them signed (mTLS). */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFiles?: readonly string[];
}

/** How a client trusts and shows itself. */
export interface ClientTls {
  /** Name to verify on the server's certificate; the host of the address when absent. */
  readonly serverName?: string;
  /** PEM files; the system's roots when empty. */
  readonly caFiles?: readonly string[];
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Do not verify the server at all. */
  readonly allowInsecure?: boolean;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}

function readPem(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`cannot read ${what} ${path}: ${codeOf(error)}`, { cause: error });
  }
}

/** Changes whenever one of the files does: replaced, rewritten, or another behind a symbolic link. */
function stampOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      return stat === undefined ? 'none' : `${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}`;
    })
    .join(' ');
}

function filesOf(files: TlsFiles): string[] {
  return [files.certFile, files.keyFile, ...(files.clientCaFiles ?? [])];
}

/** Certificate and key must belong together; node says so in words that name neither file. */
function checkedContext(files: TlsFiles): TlsOptions {
  const clientCas = files.clientCaFiles ?? [];
  const options: TlsOptions = {
    cert: readPem('TLS certificate', files.certFile),
    key: readPem('TLS key', files.keyFile),
    minVersion: 'TLSv1.3',
    ...(clientCas.length > 0 && { ca: clientCas.map((path) => readPem('client CA', path)) }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    const why = codeOf(error);
    throw new Error(
      `TLS certificate ${files.certFile} and key ${files.keyFile} do not work together: ${why}`,
      {
        cause: error,
      },
    );
  }
  return options;
}

/** Node's options for a TLS 1.3 server. Throws an Error that names a file that cannot be read or used. */
export function serverTlsOptions(files: TlsFiles): TlsOptions {
  const isMutual = (files.clientCaFiles ?? []).length > 0;
  return {
    ...checkedContext(files),
    handshakeTimeout: 10_000,
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(isMutual && { requestCert: true, rejectUnauthorized: true }),
  };
}

/**
 * Makes every handshake use the files as they are by then; running connections keep theirs. Files that do not work (half of a pair replaced so far)
 * are told to `onProblem`, once for each change, and the last ones that did stay in use.
 */
export function reloadTlsFiles(server: Server, files: TlsFiles, onProblem: (message: string) => void): void {
  const paths = filesOf(files);
  let stamp = stampOf(paths);
  // Before node's own listener, which starts the handshake. A look at each connection misses no change, as a watch on mounted secrets would.
  server.prependListener('connection', () => {
    const now = stampOf(paths);
    if (now === stamp) return;
    stamp = now;
    try {
      server.setSecureContext(checkedContext(files));
    } catch (error) {
      onProblem(`keeping the previous certificate: ${(error as Error).message}`);
    }
  });
}

/** Contexts by the files they were made of: thousands of connections to peers share one. */
const contexts = new Map<string, { readonly stamp: string; readonly context: SecureContext }>();

function clientContext(tls: ClientTls): SecureContext {
  const caFiles = tls.caFiles ?? [];
  const own = [tls.certFile, tls.keyFile].filter((path) => path !== undefined);
  const key = JSON.stringify([caFiles, tls.certFile, tls.keyFile]);
  const stamp = stampOf([...caFiles, ...own]);
  const known = contexts.get(key);
  if (known?.stamp === stamp) return known.context;
  const context = createSecureContext({
    ...(caFiles.length > 0 && { ca: caFiles.map((path) => readPem('CA', path)) }),
    ...(tls.certFile !== undefined && { cert: readPem('client certificate', tls.certFile) }),
    ...(tls.keyFile !== undefined && { key: readPem('client key', tls.keyFile) }),
  });
  contexts.set(key, { stamp, context });
  return context;
}

/** Node's options for a TLS client, with the files as they are now. Throws an Error that names a file that cannot be read. */
export function clientTlsOptions(tls: ClientTls, host: string): ConnectionOptions {
  const name = tls.serverName ?? host;
  return {
    secureContext: clientContext(tls),
    ALPNProtocols: ['h2'],
    rejectUnauthorized: tls.allowInsecure !== true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    // An address is verified, but not allowed as a name in the handshake (RFC 6066 section 3).
    ...(isIP(name) === 0 && { servername: name }),
  };
}
