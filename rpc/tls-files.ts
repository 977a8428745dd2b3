import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

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
  /** Lowest version spoken, by default TLS 1.2 as other clients do. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** Longest file read: a bundle of some hundreds of CAs. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}

/** Throws Error that names the file. */
export function readPem(what: string, path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Error(`${size} bytes, expected at most ${MAX_FILE_BYTES}`);
    return readFileSync(path);
  } catch (error) {
    throw new Error(`cannot read ${what} ${path}: ${codeOf(error)}`, { cause: error });
  }
}

/** Changes whenever one of the files does: replaced, rewritten, or another behind a symbolic link. */
export function stampOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      return stat === undefined ? 'none' : `${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}`;
    })
    .join(' ');
}

/** Throws Error when a certificate and a key, or CAs, cannot be used; node's own words name no file. */
function checkUsable(options: SecureContextOptions, what: string): void {
  try {
    createSecureContext(options);
  } catch (error) {
    throw new Error(`${what}: ${codeOf(error)}`, { cause: error });
  }
}

/** What a server needs of its files. Throws Error that names a file that cannot be read or used. */
export function loadServerFiles(files: TlsFiles): SecureContextOptions {
  const { certFile, keyFile, clientCaFiles = [] } = files;
  const own = {
    cert: readPem('TLS certificate', certFile),
    key: readPem('TLS key', keyFile),
    minVersion: 'TLSv1.3',
  } as const;
  checkUsable(own, `TLS certificate ${certFile} and key ${keyFile} do not work together`);
  if (clientCaFiles.length === 0) return own;
  const ca = clientCaFiles.map((path) => readPem('client CA', path));
  checkUsable({ ca }, `client CAs ${clientCaFiles.join(', ')} cannot be used`);
  return { ...own, ca };
}

/** What a client needs of its files. Throws Error that names a file that cannot be read or used. */
export function loadClientFiles(tls: ClientTls): SecureContextOptions {
  const { caFiles = [], certFile, keyFile, minVersion } = tls;
  const own: SecureContextOptions = {
    ...(certFile !== undefined && { cert: readPem('client certificate', certFile) }),
    ...(keyFile !== undefined && { key: readPem('client key', keyFile) }),
  };
  checkUsable(own, `client certificate ${certFile} and key ${keyFile} do not work together`);
  const ca = caFiles.map((path) => readPem('CA', path));
  if (ca.length > 0) checkUsable({ ca }, `CAs ${caFiles.join(', ')} cannot be used`);
  return { ...own, ...(ca.length > 0 && { ca }), ...(minVersion !== undefined && { minVersion }) };
}
