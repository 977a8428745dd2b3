import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { FRAME_PREFIX_BYTES, putFramePrefix } from '../proto/flow/frame.ts';
import { connectCode } from './connect-code.ts';
import { RpcCode } from './rpc-error.ts';
import { parseGrpcTimeout, statusHeaders } from './status-header.ts';

/** A protocol in which messages are streamed. All of them frame messages alike and differ in how they end, so that hot streams are the same bytes in each. */
export interface Dialect {
  readonly contentType: string;
  /** Whether the status goes into trailers (or, with nothing else to send, into the headers); else `endFrame` carries it. */
  readonly hasTrailers: boolean;
  /** The frame that ends the body. */
  endFrame(code: RpcCode, message: string): Uint8Array;
  /** The caller's deadline in milliseconds from now; null = none. */
  timeoutMs(headers: IncomingHttpHeaders): number | null;
}

/** Flag of a frame that holds trailers as text (grpc/PROTOCOL-WEB.md). */
const WEB_TRAILERS_FLAG = 0x80;
/** Flag of the frame that ends a stream (Connect protocol, EndStreamResponse). */
const CONNECT_END_FLAG = 0x02;

function flaggedFrame(flag: number, text: string): Uint8Array {
  const body = Buffer.from(text);
  const frame = new Uint8Array(FRAME_PREFIX_BYTES + body.length);
  frame.set(body, putFramePrefix(frame, 0, body.length));
  frame[0] = flag;
  return frame;
}

function trailersText(trailers: OutgoingHttpHeaders): string {
  return Object.entries(trailers)
    .map(([name, value]) => `${name}: ${String(value)}\r\n`)
    .join('');
}

function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

const grpcTimeoutMs = (headers: IncomingHttpHeaders): number | null =>
  parseGrpcTimeout(headerText(headers, 'grpc-timeout'));

const grpc: Dialect = {
  contentType: 'application/grpc',
  hasTrailers: true,
  endFrame: () => new Uint8Array(0),
  timeoutMs: grpcTimeoutMs,
};

const grpcWeb: Dialect = {
  contentType: 'application/grpc-web+proto',
  hasTrailers: false,
  endFrame: (code, message) => flaggedFrame(WEB_TRAILERS_FLAG, trailersText(statusHeaders(code, message))),
  timeoutMs: grpcTimeoutMs,
};

const connectStream: Dialect = {
  contentType: 'application/connect+proto',
  hasTrailers: false,
  endFrame: (code, message) => {
    if (code === RpcCode.Ok) return flaggedFrame(CONNECT_END_FLAG, '{}');
    const error = { code: codeToString(connectCode(code)), message };
    return flaggedFrame(CONNECT_END_FLAG, JSON.stringify({ error }));
  },
  timeoutMs: (headers) => {
    const text = headerText(headers, 'connect-timeout-ms') ?? '';
    return /^\d{1,10}$/.test(text) ? Number(text) : null;
  },
};

/**
 * The dialect of a request by its content type, or null for one in which messages are not streamed as protobuf.
 * @param hasTrailers whether the connection carries trailers: gRPC itself needs HTTP/2
 */
export function dialectOf(contentType: string | undefined, hasTrailers: boolean): Dialect | null {
  switch (contentType) {
    case 'application/grpc':
    case 'application/grpc+proto':
      return hasTrailers ? grpc : null;
    case 'application/grpc-web':
    case 'application/grpc-web+proto':
      return grpcWeb;
    case 'application/connect+proto':
      return connectStream;
    default:
      return null;
  }
}
