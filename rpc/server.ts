import { type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Http2Server, ServerHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { type Address, formatAddress } from './address.ts';
import { listen, type Listener } from './listener.ts';
import { type RawStreamHandler, respondTrailersOnly, serveRawCall } from './raw-call.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { type TlsFiles } from './tls-files.ts';

/** What a process serves, and where. */
export interface RpcServerOptions {
  readonly listen: readonly Address[];
  /** Certificates for the TCP addresses. Without them TCP needs `insecure`. */
  readonly tls?: TlsFiles;
  /** Serve TCP in plaintext. Never the default: whoever wants it has to say so. */
  readonly insecure?: boolean;
  /** Unary calls and slow streams, through connect: gRPC, gRPC-web and Connect at once. */
  readonly routes?: (router: ConnectRouter) => void;
  /** Hot streams by path, such as `/observer.Observer/GetFlows`. They win over `routes`. */
  readonly rawStreams?: ReadonlyMap<string, RawStreamHandler>;
  /** Sent with every response. */
  readonly responseHeaders?: Readonly<Record<string, string>>;
}

/** A serving process's doors. */
export interface RpcServer {
  /** Bound addresses, port 0 resolved. */
  readonly addresses: readonly Address[];
  /** Ends running calls with UNAVAILABLE, stops accepting, and cuts connections that are left once `graceMs` have passed. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves the one HTTP/2 listener of a process on every address given. Throws when TCP is asked for without TLS and without `insecure`, or when
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
  const headers = options.responseHeaders ?? {};
  const adapter = connectNodeAdapter({
    routes: (router) => options.routes?.(router),
    // A gRPC client that asks for what is not served here must get a gRPC answer, not a web page.
    fallback: (request, response) => {
      response.writeHead(200, {
        'content-type': 'application/grpc',
        'grpc-status': String(RpcCode.Unimplemented),
        'grpc-message': `unknown method ${request.url}`,
      });
      response.end();
    },
  });
  const withHeaders: typeof adapter = (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    adapter(request, response);
  };
  const configureHttp2 = (server: Http2Server): void => {
    server.on('sessionError', () => {}); // a broken connection ends its calls; there is nobody to tell
    server.on('session', (session) => {
      session.on('error', () => session.destroy());
      closing.signal.addEventListener('abort', () => session.close(), { once: true });
    });
    server.on('request', (request, response) => {
      if (request.httpVersionMajor === 2 && isGrpc(request.headers) && !served.has(request.url)) {
        respondTrailersOnly(request.stream, RpcCode.Unimplemented, `unknown method ${request.url}`, headers);
        return;
      }
      withHeaders(request, response);
    });
    // Adding a 'request' listener made node install its compatibility layer as the one 'stream' listener. That layer sends trailers of its own,
    // so a raw stream must never meet it: it is put behind a choice by path.
    const compatibility = server.listeners('stream') as ((...args: unknown[]) => void)[];
    server.removeAllListeners('stream');
    server.on('stream', (stream: ServerHttp2Stream, requestHeaders: IncomingHttpHeaders, ...rest) => {
      const handler = options.rawStreams?.get(String(requestHeaders[':path']));
      if (handler === undefined || !isGrpc(requestHeaders)) {
        for (const listener of compatibility) listener.call(server, stream, requestHeaders, ...rest);
        return;
      }
      stream.on('error', () => {}); // told to the call by its close
      void serveRawCall(stream, requestHeaders, handler, headers, closing.signal);
    });
  };
  const served = new Set<string>();
  options.routes?.(createPathCollector(served));

  const listeners: Listener[] = [];
  try {
    for (const address of options.listen) {
      listeners.push(await listen(address, options.tls, { configureHttp2, http1: withHeaders }));
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    throw error;
  }
  return {
    addresses: listeners.map((listener) => listener.address),
    close: async (graceMs) => {
      closing.abort(new RpcError(RpcCode.Unavailable, 'server is shutting down'));
      await Promise.all(listeners.map((listener) => listener.close(graceMs)));
    },
  };
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return /^application\/grpc(\+proto)?$/.test(headers['content-type'] ?? '');
}

/** A router that only notes the paths it is given. */
function createPathCollector(paths: Set<string>): ConnectRouter {
  const router = {
    handlers: [],
    service: (service: { typeName: string; methods: readonly { name: string }[] }) => {
      for (const method of service.methods) paths.add(`/${service.typeName}/${method.name}`);
      return router;
    },
    rpc: (method: { parent: { typeName: string }; name: string }) => {
      paths.add(`/${method.parent.typeName}/${method.name}`);
      return router;
    },
  };
  return router;
}
