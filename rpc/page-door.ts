import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';

const COOKIE = 'sluice_token';

/**
 * Lets in to a page's files whoever shows the token, if there is one; else whoever is on this machine or has shown a client certificate. Others are told what to do. A token in the
 * address (`?token=…`) is taken out of it and kept as a cookie that scripts do not see.
 */
export function guardFiles(files: RequestListener, token: string | undefined): RequestListener {
  return (request, response) => {
    if (token === undefined) {
      if (isHere(request) || hasCertificate(request)) files(request, response);
      else {
        refuse(
          response,
          403,
          'this page is served to this machine, and to browsers with a client certificate (--tls-client-ca-files).\n' +
            'For others start the server with --ui-token, or forward its port: ssh -L 4245:localhost:4245 HOST\n',
        );
      }
      return;
    }
    const given = new URL(request.url ?? '/', 'http://localhost').searchParams.get('token');
    if (given !== null && isEqual(given, token)) return keepToken(request, response, token);
    if (showsToken(request.headers, token)) files(request, response);
    else refuse(response, 401, 'this page needs the token of --ui-token: open it as /?token=TOKEN\n');
  };
}

/** Whether a request shows the token: as the cookie that `guardFiles` sets, or as a bearer. */
export function showsToken(headers: IncomingHttpHeaders, token: string): boolean {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined && isEqual(bearer, token)) return true;
  const cookies = (headers.cookie ?? '').split(';').map((part) => part.trim());
  const cookie = cookies.find((part) => part.startsWith(`${COOKIE}=`));
  return cookie !== undefined && isEqual(cookie.slice(COOKIE.length + 1), encodeURIComponent(token));
}

function keepToken(request: IncomingMessage, response: ServerResponse, token: string): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  url.searchParams.delete('token');
  const secure = isTls(request) ? '; Secure' : '';
  response.writeHead(303, {
    // Never two slashes in front: that would be another server.
    location: `${url.pathname.replace(/^\/+/, '/')}${url.search}`,
    'set-cookie': `${COOKIE}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Strict${secure}`,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
  response.end();
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(text);
}

function isHere({ socket }: IncomingMessage): boolean {
  // No address: a Unix socket.
  const address = socket.remoteAddress?.replace(/^::ffff:/, '');
  return address === undefined || address === '::1' || address.startsWith('127.');
}

const isTls = (request: IncomingMessage): boolean =>
  (request.socket as Partial<TLSSocket>).encrypted === true;

function hasCertificate(request: IncomingMessage): boolean {
  return isTls(request) && (request.socket as TLSSocket).authorized;
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
