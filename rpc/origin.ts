import { cors } from '@connectrpc/connect';
import { isIP } from 'node:net';

/** What of a request tells whether a web page sent it, and from where. */
export interface PageRequest {
  /** Header `origin`, which browsers send with every call that is no plain page. */
  readonly origin: string | undefined;
  /** Host and port that the client called. */
  readonly host: string | undefined;
  readonly isTls: boolean;
}

/** Headers for a page of another origin; null: of no page, or of a page of this server. */
export type CorsHeaders = Readonly<Record<string, string>>;

/** How long a browser may remember a preflight's answer. */
const PREFLIGHT_SECONDS = 7200;
const EXPOSED = [...cors.exposedHeaders, 'hubble-server-version', 'hubble-relay-version'].join(', ');

/** Whether a request may be served, and what a page of another origin needs to see the answer. */
export type OriginVerdict =
  | { readonly isAllowed: true; readonly headers: CorsHeaders | null }
  | { readonly isAllowed: false; readonly reason: string };

/**
 * Lets everything pass that no web page sent, pages that this server serves itself, and pages of the allowed origins (`https://ui.example.org`). In plaintext a page counts as the
 * server's own only under an address or `localhost`: any page can make its name mean this machine, and would be of the same origin then (DNS rebinding).
 */
export function judgeOrigin(request: PageRequest, allowed: readonly string[]): OriginVerdict {
  const { origin, host, isTls } = request;
  if (origin === undefined) return { isAllowed: true, headers: null };
  if (allowed.includes(origin)) {
    return {
      isAllowed: true,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-expose-headers': EXPOSED,
        vary: 'origin',
      },
    };
  }
  const isOwn = host !== undefined && origin === `${isTls ? 'https' : 'http'}://${host}`;
  if (isOwn && (isTls || isOwnName(host))) return { isAllowed: true, headers: null };
  return { isAllowed: false, reason: 'pages of this origin may not call here: see --allow-origin' };
}

function isOwnName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isIP(name) !== 0;
}

/** The answer to a preflight: what a page of an allowed origin may send. */
export function preflightHeaders(headers: CorsHeaders): CorsHeaders {
  return {
    ...headers,
    'access-control-allow-methods': cors.allowedMethods.join(', '),
    'access-control-allow-headers': cors.allowedHeaders.join(', '),
    'access-control-max-age': String(PREFLIGHT_SECONDS),
  };
}
