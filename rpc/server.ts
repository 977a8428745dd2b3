import { type ConnectRouter, createConnectRouter } from '@connectrpc/connect';
import type { RequestListener } from 'node:http';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type Address, formatAddress } from './address.ts';
import { createConnectListener } from './connect-listener.ts';
import { dialectOf } from './dialect.ts';
import { listen, type Listener, type Protocols } from './listener.ts';
import { type RawCallContext, type RawStreamHandler, serveRawCall } from './raw-call.ts';
import { http1Exchange, http2Exchange, dropInput } from './raw-exchange.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { statusHeaders } from './status-header.ts';
import type { TlsFiles } from './tls-files.ts';

/** What a process serves, and where. */
export interface RpcServerOptions {
  readonly listen: readonly Address[];
  /** Certificates for the TCP addresses, read again when they change. Without them TCP needs `insecure`. */
  readonly tls?: TlsFiles;
  /** Serve TCP in plaintext. Never the default: whoever wants it has to say so. */
  readonly insecure?: boolean;
  /** Permission bits of Unix sockets; default 0o660: the owner and the group. */
  readonly socketMode?: number;
  /** Unary calls and slow streams, through connect: gRPC, gRPC-web and Connect at once. */
  readonly routes?: (router: ConnectRouter) => void;
  /** Hot streams by path, such as `/observer.Observer/GetFlows`, in gRPC, gRPC-web and Connect streaming alike. They win over `routes`. */
  readonly rawStreams?: ReadonlyMap<string, RawStreamHandler>;
  /** Requests that are no calls, such as those for files; answered with 404 when absent. Over HTTP/2 request and response are node's compatible ones. */
  readonly web?: RequestListener;
  /** Sent with every response. */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** Told what does not work although the server goes on: a certificate that cannot be reloaded, say. */
  readonly onProblem?: (message: string) => void;
}

/** A serving process's doors. */
export interface RpcServer {
  /** Bound addresses, port 0 resolved. */
  readonly addresses: readonly Address[];
  /** Connections open now, on all addresses. */
  readonly connectionCount: number;
  /**
   * Stops accepting connections and calls (GOAWAY) and ends running streams with UNAVAILABLE. Unary calls may finish; connections that are left once
   * `graceMs` have passed are cut.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves everything a process serves on every address given. Throws an Error when TCP is asked for without TLS and without `insecure`, or when
 * an address cannot be bound; nothing is left listening then.
 */
export async function createRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const open = options.listen.find((address) => address.kind === 'tcp');
  if (open !== undefined && options.tls === undefined && options.insecure !== true) {
    throw new Error(
      `refusing to serve plaintext on ${formatAddress(open)}: give a certificate and key, or say --insecure`,
    );
  }
  const closing = new AbortController();
  const protocols = routeRequests(options, closing.signal);
  const listeners: Listener[] = [];
  try {
    for (const address of options.listen) {
      listeners.push(
        await listen(address, protocols, {
          tls: options.tls,
          socketMode: options.socketMode ?? 0o660,
          onProblem: options.onProblem ?? (() => {}),
        }),
      );
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    throw error;
  }
  return {
    addresses: listeners.map((listener) => listener.address),
    get connectionCount() {
      return listeners.reduce((sum, { connectionCount }) => sum + connectionCount, 0);
    },
    close: async (graceMs) => {
      closing.abort(new RpcError(RpcCode.Unavailable, 'server is shutting down'));
      await Promise.all(listeners.map((listener) => listener.close(graceMs)));
    },
  };
}

/** Which request goes where. */
function routeRequests(options: RpcServerOptions, closing: AbortSignal): Protocols {
  const routes = options.routes ?? (() => {});
  const headers = options.responseHeaders ?? {};
  const rawStreams = options.rawStreams ?? new Map<string, RawStreamHandler>();
  const router = createConnectRouter();
  routes(router);
  const served = new Set(router.handlers.map(({ requestPath }) => requestPath));
  const rest = createConnectListener({ routes, headers, closing, web: options.web });
  const context: RawCallContext = { responseHeaders: headers, closing };

  return {
    http1: (request, response) => {
      const handler = rawStreams.get(request.url ?? '');
      const dialect = handler === undefined ? null : dialectOf(request.headers['content-type'], false);
      if (handler === undefined || dialect === null) rest(request, response);
      else void serveRawCall(http1Exchange(request, response), dialect, handler, context);
    },
    http2: (server) => {
      server.on('request', (request, response) => {
        if (request.httpVersionMajor === 2) rest(request, response);
      });
      interceptStreams(server, (stream, requestHeaders) => {
        const path = requestHeaders[':path'] ?? '';
        const dialect = dialectOf(requestHeaders['content-type'], true);
        if (dialect === null) return false;
        const handler = rawStreams.get(path);
        if (handler !== undefined) {
          void serveRawCall(http2Exchange(stream, requestHeaders), dialect, handler, context);
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
  take: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean,
): void {
  const compatibility = server.listeners('stream') as ((...args: unknown[]) => void)[];
  server.removeAllListeners('stream');
  server.on('stream', (stream, headers, ...rest) => {
    if (take(stream, headers)) return;
    dropInput(stream);
    for (const listener of compatibility) listener.call(server, stream, headers, ...rest);
  });
}
