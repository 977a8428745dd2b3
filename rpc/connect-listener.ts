import { Code, ConnectError, type ConnectRouter, type Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { OutgoingHttpHeaders, RequestListener } from 'node:http';
import { connectCode } from './connect-code.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { decodeStatusMessage, encodeStatusMessage, statusHeaders } from './status-header.ts';

/** Longest request message: those that are decoded here say little or nothing, and each of a connection's calls may hold one. */
const MAX_DECODED_REQUEST_BYTES = 64 * 1024;

/** What is served through connect. */
export interface ConnectListenerOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends running streams with UNAVAILABLE. */
  readonly closing: AbortSignal;
  readonly web: RequestListener | undefined;
}

type NodeListener = ReturnType<typeof connectNodeAdapter>;

/** Serves calls that are decoded, and whatever else is asked for. Takes requests of HTTP/1.1 and HTTP/2 alike. */
export function createConnectListener(options: ConnectListenerOptions): NodeListener {
  const { headers, closing } = options;
  const adapter = connectNodeAdapter({
    routes: options.routes,
    fallback: createFallback(options.web),
    readMaxBytes: MAX_DECODED_REQUEST_BYTES,
    // As in Hubble: nothing here is large, and what is not inflated cannot be a bomb.
    acceptCompression: [],
    shutdownSignal: closing,
    interceptors: [translateErrors, tellShutdown(closing)],
  });
  return (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    writeMessagesPlainly(response);
    try {
      adapter(request, response);
    } catch (error) {
      // It takes the host for part of an address, and throws where the client's is none.
      refuseRequest(response, error as Error);
    }
  };
}

type NodeResponse = Parameters<NodeListener>[1];

/** connect encodes more of a status message than the protocol asks for, such as colons, and there are clients (grpc-js) that decode no more than that. */
function writeMessagesPlainly(response: NodeResponse): void {
  const addTrailers: (trailers: OutgoingHttpHeaders) => void = response.addTrailers.bind(response);
  response.addTrailers = (trailers: OutgoingHttpHeaders) => {
    const message = trailers['grpc-message'];
    if (typeof message !== 'string') addTrailers(trailers);
    else addTrailers({ ...trailers, 'grpc-message': encodeStatusMessage(decodeStatusMessage(message)) });
  };
}

function refuseRequest(response: NodeResponse, error: Error): void {
  if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`bad request: ${error.message}\n`);
}

/** Handlers may throw this room's own error, on this side as on the raw one. */
const translateErrors: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw new ConnectError(error.message, connectCode(error.code), undefined, undefined, error);
  }
};

/** A stream that ends because the server does has not ended well. */
function tellShutdown(closing: AbortSignal): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!response.stream) return response;
    const { message } = response;
    return {
      ...response,
      message: (async function* relayed() {
        yield* message;
        if (closing.aborted) throw new ConnectError('server is shutting down', Code.Unavailable);
      })(),
    };
  };
}

/** Answers what is no known call. gRPC over HTTP/2 has been answered before. */
function createFallback(web: RequestListener | undefined): NodeListener {
  return (request, response) => {
    const type = request.headers['content-type'] ?? '';
    if (type.startsWith('application/grpc')) {
      response.writeHead(200, {
        'content-type': type,
        ...statusHeaders(RpcCode.Unimplemented, `unknown method ${request.url}`),
      });
      response.end();
    } else if (web !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
      web(request as never, response as never);
    } else {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('not found\n');
    }
  };
}
