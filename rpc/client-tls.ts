import { isIP } from 'node:net';
import {
  checkServerIdentity,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
} from 'node:tls';
import { FollowedFiles, type TlsProblem } from './followed-files.ts';
import { type ClientTls, loadClientFiles } from './tls-files.ts';

/** Files and the context made of them: thousands of connections to peers share one. */
interface SharedContext {
  readonly files: FollowedFiles;
  generation: number;
  context: SecureContext;
}

const shared = new Map<string, SharedContext>();

function sharedContext(tls: ClientTls): SharedContext {
  const { caFiles = [], certFile, keyFile, minVersion } = tls;
  const key = JSON.stringify([caFiles, certFile, keyFile, minVersion]);
  let known = shared.get(key);
  if (known === undefined) {
    const load = (): ReturnType<typeof loadClientFiles> => loadClientFiles(tls);
    const files = new FollowedFiles([certFile, keyFile, ...caFiles], certFile, load, () => {});
    known = { files, generation: files.generation, context: createSecureContext(files.current) };
    shared.set(key, known);
  }
  if (known.files.generation !== known.generation) {
    known.generation = known.files.generation;
    known.context = createSecureContext(known.files.current);
  }
  return known;
}

/**
 * Node's options for a TLS client, with the files as they are now; with those before, when they do not work any more. Throws an Error that names a file that cannot be
 * read or used when there were none before.
 */
export function clientTlsOptions(tls: ClientTls, host: string): ConnectionOptions {
  const name = tls.serverName ?? host;
  return {
    secureContext: sharedContext(tls).context,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: tls.allowInsecure !== true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    // An address is verified, but not allowed as a name in the handshake (RFC 6066 section 3).
    ...(isIP(name) === 0 && { servername: name }),
  };
}

/** What is wrong with a client's files now. */
export function clientTlsProblems(tls: ClientTls): TlsProblem[] {
  try {
    return sharedContext(tls).files.problems(Date.now());
  } catch (error) {
    const where = tls.certFile ?? tls.caFiles?.[0] ?? 'TLS files';
    return [{ where, message: (error as Error).message, sinceMs: Date.now() }];
  }
}
