import { createConnectRouter } from '@connectrpc/connect';
import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { TLSSocket } from 'node:tls';
import { ByteBudget } from './byte-budget.ts';
import { createConnectListener } from './connect-listener.ts';
import { dialectOf } from './dialect.ts';
import type { Protocols } from './doors.ts';
import type { ServerLimits } from './limits.ts';
import { type CorsHeaders, judgeOrigin, preflightHeaders } from './origin.ts';
import { showsToken } from './page-door.ts';
import { type RawCallContext, type RawStreamHandler, serveRawCall } from './raw-call.ts';
import { dropInput, http1Exchange, http2Exchange } from './raw-exchange.ts';
import { RpcCode } from './rpc-error.ts';
import type { RpcServerOptions } from './server.ts';
import { statusHeaders } from './status-header.ts';

/** The answer to a request that goes nowhere: a preflight, or one of a page that may not call. */
interface ShortAnswer {
  readonly status: 204 | 401 | 403;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

/** An answer at once, or the headers that a page needs to see the answer. */
function lookAtPage(
  headers: IncomingHttpHeaders,
  method: string | undefined,
  isTls: boolean,
  { allowedOrigins = [], pageToken }: RpcServerOptions,
): ShortAnswer | { readonly cors: CorsHeaders } {
  const host = headers[':authority'] ?? headers.host;
  const verdict = judgeOrigin({ origin: headers.origin, host, isTls }, allowedOrigins);
  if (!verdict.isAllowed) {
    const type = { 'content-type': 'text/plain; charset=utf-8', vary: 'origin' };
    return { status: 403, headers: type, body: `${verdict.reason}\n` };
  }
  const { headers: cors } = verdict;
  // A preflight carries nothing that could show the token.
  const needsToken = pageToken !== undefined && headers.origin !== undefined && method !== 'OPTIONS';
  if (needsToken && !showsToken(headers, pageToken)) {
    const type = { 'content-type': 'text/plain; charset=utf-8', ...cors };
    return { status: 401, headers: type, body: 'pages need the token of --ui-token: open /?token=TOKEN\n' };
  }
  if (cors === null) return { cors: {} };
  return method === 'OPTIONS' ? { status: 204, headers: { ...preflightHeaders(cors) }, body: '' } : { cors };
}

/** Which request goes where. */
export function routeRequests(
  options: RpcServerOptions,
  { requestTimeoutMs, maxRequestBytesHeld }: ServerLimits,
  closing: AbortSignal,
): Protocols {
  const { routes = () => {}, responseHeaders: headers = {} } = options;
  const rawStreams = options.rawStreams ?? new Map<string, RawStreamHandler>();
  const router = createConnectRouter();
  routes(router);
  const served = new Set(router.handlers.map(({ requestPath }) => requestPath));
  const rest = createConnectListener({ routes, headers, closing, web: options.web });
  const requestBytes = new ByteBudget(maxRequestBytesHeld);
  const contextOf = (cors: CorsHeaders): RawCallContext => ({
    responseHeaders: { ...headers, ...cors },
    requestTimeoutMs,
    requestBytes,
    closing,
  });

  return {
    http1: (request, response) => {
      const isTls = request.socket instanceof TLSSocket;
      const page = lookAtPage(request.headers, request.method, isTls, options);
      if ('status' in page) {
        response.writeHead(page.status, page.headers).end(page.body);
        return;
      }
      // What is not sent is answered behind: with 405.
      const handler = request.method === 'POST' ? rawStreams.get(request.url ?? '') : undefined;
      const dialect = handler === undefined ? null : dialectOf(request.headers['content-type'], false);
      if (handler !== undefined && dialect !== null) {
        void serveRawCall(http1Exchange(request, response), dialect, handler, contextOf(page.cors));
        return;
      }
      for (const [name, value] of Object.entries(page.cors)) response.setHeader(name, value);
      rest(request, response);
    },
    http2: (server) => {
      server.on('request', (request, response) => {
        const isTls = request.stream.session?.encrypted === true;
        const page = lookAtPage(request.headers, request.method, isTls, options);
        if ('status' in page) {
          response.writeHead(page.status, page.headers);
          response.end(page.body);
          return;
        }
        for (const [name, value] of Object.entries(page.cors)) response.setHeader(name, value);
        rest(request, response);
      });
      interceptStreams(server, requestTimeoutMs, (stream, requestHeaders) => {
        if (requestHeaders[':method'] !== 'POST') return false;
        const path = requestHeaders[':path'] ?? '';
        const dialect = dialectOf(requestHeaders['content-type'], true);
        if (dialect === null) return false;
        const handler = rawStreams.get(path);
        if (handler !== undefined) {
          const isTls = stream.session?.encrypted === true;
          const page = lookAtPage(requestHeaders, requestHeaders[':method'], isTls, options);
          if ('status' in page) return false; // the 'request' listener answers it
          void serveRawCall(http2Exchange(stream, requestHeaders), dialect, handler, contextOf(page.cors));
          return true;
        }
        if (!dialect.hasTrailers || served.has(path)) return false;
        http2Exchange(stream, requestHeaders).respondOnly({
          'content-type': dialect.contentType,
          ...headers,
          ...statusHeaders(RpcCode.Unimplemented, `unknown method ${path}`),
        });
        return true;
      });
    },
  };
}

/**
 * Offers each stream to `take` before node's compatibility layer sees it. That layer, which a 'request' listener makes node install as the one 'stream' listener, sends
 * trailers of its own: a stream that is to be handled raw must never meet it.
 */
function interceptStreams(
  server: Http2Server,
  requestTimeoutMs: number,
  take: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean,
): void {
  const compatibility = server.listeners('stream') as ((...args: unknown[]) => void)[];
  server.removeAllListeners('stream');
  server.on('stream', (stream, headers, ...rest) => {
    stream.on('error', () => {}); // told by its close
    // Its reset, or the connection's end, came in the same bytes: nobody is there to answer, and an answer would throw.
    if (stream.destroyed) return;
    if (take(stream, headers)) return;
    dropInput(stream);
    limitRequestTime(stream, requestTimeoutMs);
    for (const listener of compatibility) listener.call(server, stream, headers, ...rest);
  });
}

/** Ends a stream whose client has neither sent its request whole nor got an answer after some time: codecs would wait for the rest for ever. */
function limitRequestTime(stream: ServerHttp2Stream, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (!stream.readableEnded && !stream.headersSent) stream.close(constants.NGHTTP2_CANCEL);
  }, timeoutMs);
  timer.unref();
  stream.once('close', () => clearTimeout(timer));
}
