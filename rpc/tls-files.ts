import { readFileSync } from 'node:fs';
import type { ConnectionOptions, TlsOptions } from 'node:tls';

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

function readPem(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`cannot read ${what} ${path}: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    });
  }
}

/** Node's options for a TLS 1.3 server. Throws an Error that names a file that cannot be read. */
export function serverTlsOptions(files: TlsFiles): TlsOptions {
  const clientCas = files.clientCaFiles ?? [];
  return {
    cert: readPem('TLS certificate', files.certFile),
    key: readPem('TLS key', files.keyFile),
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(clientCas.length > 0 && {
      ca: clientCas.map((path) => readPem('client CA', path)),
      requestCert: true,
      rejectUnauthorized: true,
    }),
  };
}

/** Node's options for a TLS client. Throws an Error that names a file that cannot be read. */
export function clientTlsOptions(tls: ClientTls, host: string): ConnectionOptions {
  const caFiles = tls.caFiles ?? [];
  return {
    servername: tls.serverName ?? host,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: tls.allowInsecure !== true,
    ...(caFiles.length > 0 && { ca: caFiles.map((path) => readPem('CA', path)) }),
    ...(tls.certFile !== undefined && { cert: readPem('client certificate', tls.certFile) }),
    ...(tls.keyFile !== undefined && { key: readPem('client key', tls.keyFile) }),
  };
}
