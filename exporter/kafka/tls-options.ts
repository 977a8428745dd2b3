import type { ConnectionOptions } from 'node:tls';
import { type ClientTls, loadClientFiles } from '../../rpc/tls-files.ts';

/** What the TLS of node needs of the files of a configuration, as they are now. Throws Error that names a file that cannot be read or used. */
export function tlsOptions(tls: ClientTls): ConnectionOptions {
  return { ...loadClientFiles(tls), ...(tls.serverName !== undefined && { servername: tls.serverName }) };
}
