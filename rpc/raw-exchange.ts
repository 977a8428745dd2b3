import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Readable } from 'node:stream';
import type { ByteSink } from './frame-writer.ts';

/** A request and its response, the same for HTTP/2 and HTTP/1.1. */
export interface RawExchange {
  readonly headers: IncomingHttpHeaders;
  /** Body of the request. */
  readonly input: Readable;
  /** Body of the response. */
  readonly output: ByteSink;
  readonly isGone: boolean;
  readonly hasResponded: boolean;
  /** Calls `listener` once when the exchange is over; returns how to stop that. */
  onGone(listener: () => void): () => void;
  /** Sends the headers of a response with status 200. @param hasTrailers whether trailers will end it */
  respond(headers: OutgoingHttpHeaders, hasTrailers: boolean): void;
  /** Sends headers that are all of the response. */
  respondOnly(headers: OutgoingHttpHeaders): void;
  /** Ends the response's body; with trailers where HTTP/2 carries them. */
  end(trailers: OutgoingHttpHeaders | null): void;
  /** Ends the exchange at once, whatever is still waiting in it. */
  reset(): void;
}

/** An HTTP/2 stream, taken before node's compatibility layer sees it. */
export function http2Exchange(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): RawExchange {
  dropInput(stream);
  return {
    headers,
    input: stream,
    output: stream,
    get isGone() {
      return stream.destroyed || stream.closed;
    },
    get hasResponded() {
      return stream.headersSent;
    },
    onGone: (listener) => {
      stream.once('close', listener);
      return () => stream.off('close', listener);
    },
    respond: (response, hasTrailers) =>
      stream.respond({ ':status': 200, ...response }, { waitForTrailers: hasTrailers }),
    respondOnly: (response) => {
      stream.respond({ ':status': 200, ...response }, { endStream: true });
    },
    end: (trailers) => {
      if (trailers !== null) stream.once('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end();
    },
    reset: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}

/** How long a client may go on sending a request that has been answered. */
const DROP_INPUT_MS = 2000;

/**
 * Lets a client that is still sending its request come to the end of it once it has the response, and cuts it off if it does not: nobody reads the rest, and
 * the stream would stay open for as long as the connection. (A reset at once, as RFC 9113 section 8.1 allows, would overtake the trailers.)
 */
export function dropInput(stream: ServerHttp2Stream): void {
  stream.once('finish', () => {
    if (stream.readableEnded || stream.destroyed) return;
    stream.removeAllListeners('data');
    stream.resume();
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), DROP_INPUT_MS);
    timer.unref();
    stream.once('close', () => clearTimeout(timer));
  });
}

/** A request of HTTP/1.1. */
export function http1Exchange(request: IncomingMessage, response: ServerResponse): RawExchange {
  request.on('error', () => {}); // told by the response's close
  response.on('error', () => {});
  return {
    headers: request.headers,
    input: request,
    output: response,
    get isGone() {
      return response.destroyed || response.closed;
    },
    get hasResponded() {
      return response.headersSent;
    },
    onGone: (listener) => {
      response.once('close', listener);
      return () => response.off('close', listener);
    },
    respond: (headers) => {
      response.writeHead(200, headers);
      response.flushHeaders();
    },
    respondOnly: (headers) => {
      response.writeHead(200, headers);
      response.end();
    },
    end: () => void response.end(),
    reset: () => void response.destroy(),
  };
}
