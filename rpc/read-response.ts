import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { FrameSplitter, type FrameRun } from '../proto/flow/frame.ts';
import { WireError } from '../proto/flow/wire.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import type { Session } from './session.ts';
import { statusError } from './status-header.ts';

/** Message runs of a stream; a promise returned holds the stream back until it resolves. */
export type RunListener = (run: FrameRun) => void | Promise<void>;

/** How to read one response. */
export interface ResponseReading {
  /** Ends the call with its reason, an RpcError. */
  readonly signal: AbortSignal;
  readonly maxMessageBytes: number;
  /** Called with the response headers, once. */
  readonly onHeaders?: ((headers: IncomingHttpHeaders) => void) | undefined;
  readonly onRun: RunListener;
}

/** Reads the response on a stream to its end. Resolves when the call ended with OK and every message was taken; throws RpcError otherwise. */
export function readResponse(
  session: Session,
  stream: ClientHttp2Stream,
  reading: ResponseReading,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const splitter = new FrameSplitter(reading.maxMessageBytes);
    let status: RpcError | null | undefined;
    /** With a status in its headers, what follows is the page of a server that does not speak gRPC. One that ends the call comes behind the messages, read or not. */
    let isRefused = false;
    let hasEnded = false;
    let busy: Promise<void> = Promise.resolve();
    let failure: RpcError | undefined;
    const settle = (error: RpcError | null): void => {
      reading.signal.removeEventListener('abort', abort);
      void busy.then(() => (error === null ? resolve() : reject(error)));
    };
    const fail = (error: RpcError): void => {
      if (failure !== undefined) return;
      failure = error;
      stream.close(constants.NGHTTP2_CANCEL);
      // At once: on a connection that is stuck, the close of the stream may never come.
      settle(error);
    };
    const abort = (): void => fail(reading.signal.reason as RpcError);
    /** What the listener still does with runs of the last chunk; a further one waits for those before it. */
    let taking: Promise<void> | null = null;
    const takeRun = (run: FrameRun): void => {
      const taken = taking === null ? reading.onRun(run) : taking.then(() => reading.onRun(run));
      // A listener may return anything where nothing is expected.
      if (taken instanceof Promise) taking = taken;
    };

    stream.on('response', (headers) => {
      reading.onHeaders?.(headers);
      status = statusError(headers);
      isRefused = status !== undefined && status !== null;
      if (status === undefined && !isGrpc(headers)) fail(noGrpc(headers));
    });
    stream.on('trailers', (trailers) => {
      status =
        'grpc-status' in trailers
          ? statusError(trailers)
          : new RpcError(RpcCode.Unknown, 'the server ended the call without a status');
    });
    stream.on('data', (chunk: Buffer) => {
      if (failure !== undefined || isRefused) return;
      try {
        splitter.pushEach(chunk, takeRun);
        if (taking === null) return;
        stream.pause();
        busy = taking.then(
          () => {
            taking = null;
            stream.resume();
          },
          (error: unknown) => fail(toRpcError(error)),
        );
      } catch (error) {
        fail(toRpcError(error));
      }
    });
    stream.on('end', () => (hasEnded = true));
    stream.on('error', () => {}); // what matters is told by 'close'
    stream.on('close', () => {
      if (failure === undefined) settle(outcomeOf(session, stream, status, hasEnded, splitter.heldBytes));
    });
    reading.signal.addEventListener('abort', abort, { once: true });
    if (reading.signal.aborted) abort();
  });
}

/** How a closed stream ended; null = with OK. */
function outcomeOf(
  session: Session,
  stream: ClientHttp2Stream,
  status: RpcError | null | undefined,
  hasEnded: boolean,
  heldBytes: number,
): RpcError | null {
  if (status !== undefined && status !== null) return status;
  // A status of OK is worth nothing when the connection broke before all that was sent ahead of it was read.
  if (status === null && hasEnded) {
    return heldBytes === 0 ? null : new RpcError(RpcCode.Internal, 'stream ended inside a message');
  }
  if (session.farewell !== '') {
    return new RpcError(RpcCode.Unavailable, `the server ended the connection: ${session.farewell}`);
  }
  if (session.isLost || session.http2.destroyed) return new RpcError(RpcCode.Unavailable, 'connection lost');
  return resetError(stream.rstCode ?? constants.NGHTTP2_NO_ERROR);
}

/** The error for a stream that the server reset (grpc/PROTOCOL-HTTP2.md, Errors). */
function resetError(code: number): RpcError {
  switch (code) {
    case constants.NGHTTP2_NO_ERROR:
      return new RpcError(RpcCode.Internal, 'the server ended the call without a status');
    case constants.NGHTTP2_REFUSED_STREAM:
      return new RpcError(RpcCode.Unavailable, 'stream refused by the server');
    case constants.NGHTTP2_CANCEL:
      return new RpcError(RpcCode.Cancelled, 'cancelled by the server');
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return new RpcError(RpcCode.ResourceExhausted, 'the server asks for less (HTTP/2 ENHANCE_YOUR_CALM)');
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return new RpcError(RpcCode.PermissionDenied, 'the server asks for better security');
    default:
      return new RpcError(RpcCode.Internal, `stream reset by the server with HTTP/2 error ${code}`);
  }
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return (headers['content-type'] ?? '').startsWith('application/grpc');
}

function noGrpc(headers: IncomingHttpHeaders): RpcError {
  const type = headers['content-type'] ?? 'none';
  return new RpcError(RpcCode.Unknown, `answer with content-type "${type}", expected application/grpc`);
}

function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof WireError) {
    const code = error.code === 'too-large' ? RpcCode.ResourceExhausted : RpcCode.Internal;
    return new RpcError(code, error.message, { cause: error });
  }
  return new RpcError(RpcCode.Internal, error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
