import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { loadClientFiles } from '../../../rpc/tls-files.ts';
import type { ElasticsearchServers } from '../../config/config.ts';
import { readSecret } from '../../config/secret.ts';

const TIMEOUT_MS = 60_000;
/** Longest answer that is read, in UTF-16 code units: an export of everything that is shipped has a tenth of a million. */
const MAX_ANSWER = 32 * 1024 * 1024;

/** What Kibana answered. */
export interface KibanaAnswer {
  readonly status: number;
  readonly text: string;
}

/** How to reach a Kibana, and which of its spaces is meant: undefined for the default one. */
export interface KibanaServer extends Omit<ElasticsearchServers, 'nodes'> {
  readonly url: string;
  readonly space?: string;
}

/** Posts to Kibana's API. Throws Error that names the server when it does not answer. */
export async function postToKibana(
  server: KibanaServer,
  path: string,
  type: string,
  body: string,
): Promise<KibanaAnswer> {
  const base = server.url.replace(/\/$/, '');
  const space = server.space === undefined ? '' : `/s/${encodeURIComponent(server.space)}`;
  const options: RequestOptions = {
    method: 'POST',
    timeout: TIMEOUT_MS,
    headers: {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      // Kibana asks for it of everything that is not a browser.
      'kbn-xsrf': 'sluice',
      ...authorization(server),
    },
  };
  const url = new URL(`${base}${space}${path}`);
  const tls = server.tls === undefined ? {} : loadClientFiles(server.tls);
  const serverName = server.tls?.serverName;
  try {
    return await new Promise<KibanaAnswer>((resolve, reject) => {
      const asking =
        url.protocol === 'https:'
          ? httpsRequest(url, {
              ...options,
              ...tls,
              ...(serverName !== undefined && { servername: serverName }),
            })
          : httpRequest(url, options);
      asking.on('response', (response) => {
        let length = 0;
        response.on('data', (data: Buffer) => {
          length += data.length;
          if (length > MAX_ANSWER)
            response.destroy(new Error(`its answer is longer than ${MAX_ANSWER} bytes`));
        });
        text(response).then((found) => resolve({ status: response.statusCode ?? 0, text: found }), reject);
      });
      asking.on('timeout', () => asking.destroy(new Error('it does not answer')));
      asking.on('error', reject);
      asking.end(body);
    });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new Error(`Kibana at ${server.url}: ${reason}`, { cause: error });
  }
}

function authorization({ auth }: KibanaServer): Record<string, string> {
  if (auth === undefined) return {};
  if (auth.kind === 'apiKey') return { authorization: `ApiKey ${readSecret(auth.apiKey)}` };
  const credentials = `${auth.username}:${readSecret(auth.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** The error for an answer that says no. */
export function kibanaError(
  { url }: KibanaServer,
  what: string,
  { status, text: body }: KibanaAnswer,
): Error {
  let words = body;
  try {
    words = (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    // not Kibana's own words: a proxy's
  }
  return new Error(`Kibana at ${url}: ${what}: status ${status}: ${words.slice(0, 500)}`);
}
