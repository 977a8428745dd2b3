import { Client, errors } from '@elastic/elasticsearch';
import { loadClientFiles } from '../../../rpc/tls-files.ts';
import type { ElasticsearchServers } from '../../config/config.ts';
import { readSecret } from '../../config/secret.ts';
import { SinkError } from '../sink.ts';

const TIMEOUT_MS = 60_000;
/** Longest answer that is read. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * `denied`: not logged in or not allowed; `busy`: the cluster asks to be left alone for a while (429, 503); `too_large`: the request is larger than the server takes; `template_missing`: what
 * `sluice export setup` installs is not there; `refused`: anything else that it says no to; `server`: it could not be reached, or did not answer.
 */
export type ElasticsearchFailure =
  | 'denied'
  | 'busy'
  | 'too_large'
  | 'template_missing'
  | 'refused'
  | 'server';

export class ElasticsearchError extends SinkError<ElasticsearchFailure> {}

const failures: Readonly<Record<number, ElasticsearchFailure>> = {
  401: 'denied',
  403: 'denied',
  413: 'too_large',
  429: 'busy',
  502: 'busy',
  503: 'busy',
  504: 'busy',
};

/** What is wrong with an answer or the way to it, in one line. What the client threw is left behind: it holds the request, with its secrets. */
export function elasticsearchError(error: unknown, what: string): ElasticsearchError {
  if (error instanceof ElasticsearchError) return error;
  if (error instanceof errors.ResponseError) {
    const status = error.statusCode ?? 0;
    return new ElasticsearchError(
      failures[status] ?? 'refused',
      `${what}: status ${status}: ${wordsOf(error)}`,
    );
  }
  const { message, name } = error as Error;
  return new ElasticsearchError('server', `${what}: ${message || name}`);
}

function wordsOf({ body, message }: errors.ResponseError): string {
  const { error } = (body ?? {}) as { error?: string | { type?: string; reason?: string } };
  if (typeof error === 'string') return error;
  if (error?.reason === undefined) return message.slice(0, 500);
  return `${error.type ?? ''}: ${error.reason}`.slice(0, 500);
}

/** The official client for some servers, with secrets and files as they are now. It speaks the version 8 of the API, which servers 8.x and 9.x understand. Throws Error for what cannot be read. */
export function createClient(servers: ElasticsearchServers): Client {
  const { nodes, auth, tls } = servers;
  return new Client({
    nodes: [...nodes],
    // A node that does not answer has the next one asked at once; waiting is up to the delivery.
    maxRetries: nodes.length - 1,
    requestTimeout: TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    enableMetaHeader: false,
    // It would copy the body of a failed request byte by byte, which takes seconds. No error leaves this file but its words.
    redaction: { type: 'off' },
    ...(auth?.kind === 'apiKey' && { auth: { apiKey: readSecret(auth.apiKey) } }),
    ...(auth?.kind === 'basic' && {
      auth: { username: auth.username, password: readSecret(auth.password) },
    }),
    ...(tls !== undefined && {
      tls: {
        ...loadClientFiles(tls),
        ...(tls.serverName !== undefined && { servername: tls.serverName }),
      },
    }),
  });
}
