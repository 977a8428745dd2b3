import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { FrameWriter, singleMessage } from './frame-writer.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { parseGrpcTimeout, statusHeaders } from './status-header.ts';

/** A server-streaming call that is handled as bytes, past every message codec. */
export interface RawCall {
  /** Bytes of the request message. */
  readonly request: Uint8Array;
  readonly headers: IncomingHttpHeaders;
  /** Aborts when the client cancels, its deadline passes, or the server closes. The reason is an RpcError. */
  readonly signal: AbortSignal;
  /** See FrameWriter.write. */
  write(frames: Uint8Array): boolean;
  drained(): Promise<void>;
  flush(): void;
}

/** Returning ends the call with OK, throwing an RpcError with its status, anything else with INTERNAL. */
export type RawStreamHandler = (call: RawCall) => Promise<void>;

const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

/** Collects the request's body. Throws RpcError when it is larger than 4 MiB or the stream breaks. */
async function readRequest(stream: ServerHttp2Stream): Promise<Uint8Array> {
  const body = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_REQUEST_BYTES + FRAME_PREFIX_BYTES) {
        reject(new RpcError(RpcCode.ResourceExhausted, `request above ${MAX_REQUEST_BYTES} bytes`));
        stream.pause();
        return;
      }
      chunks.push(chunk);
    });
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('close', () => reject(new RpcError(RpcCode.Cancelled, 'stream closed before its request')));
  });
  const message = singleMessage(body);
  if (message === null) {
    throw new RpcError(RpcCode.Internal, 'request is not one uncompressed gRPC message');
  }
  return message;
}

/** Ends a stream before any response went out: headers and status in one block. */
export function respondTrailersOnly(
  stream: ServerHttp2Stream,
  code: RpcCode,
  message: string,
  headers: Readonly<Record<string, string>>,
): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', ...headers, ...statusHeaders(code, message) },
    { endStream: true },
  );
}

/**
 * Serves one call with a raw handler, from request to trailers. Never throws: what goes wrong is told to the client.
 * @param closing aborts when the server closes, with the RpcError to tell
 */
export async function serveRawCall(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  handler: RawStreamHandler,
  responseHeaders: Readonly<Record<string, string>>,
  closing: AbortSignal,
): Promise<void> {
  const abort = new AbortController();
  const cancel = (): void => abort.abort(new RpcError(RpcCode.Cancelled, 'cancelled by the client'));
  const close = (): void => abort.abort(closing.reason);
  stream.once('close', cancel);
  closing.addEventListener('abort', close, { once: true });
  if (closing.aborted) close();
  const timeoutMs = parseGrpcTimeout(headers['grpc-timeout'] as string | undefined);
  const deadline =
    timeoutMs === null
      ? undefined
      : setTimeout(
          () => abort.abort(new RpcError(RpcCode.DeadlineExceeded, `deadline of ${timeoutMs} ms exceeded`)),
          timeoutMs,
        );
  const writer = new FrameWriter(stream);
  let error: RpcError | null = null;
  try {
    const request = await readRequest(stream);
    if (!abort.signal.aborted) {
      await handler({
        request,
        headers,
        signal: abort.signal,
        write: (frames) => {
          startResponse(stream, responseHeaders);
          return writer.write(frames);
        },
        drained: () => writer.drained(),
        flush: () => {
          startResponse(stream, responseHeaders);
          writer.flush();
        },
      });
    }
    if (abort.signal.aborted) error = abort.signal.reason as RpcError;
  } catch (caught) {
    error =
      caught instanceof RpcError
        ? caught
        : new RpcError(RpcCode.Internal, caught instanceof Error ? caught.message : String(caught), {
            cause: caught,
          });
  } finally {
    clearTimeout(deadline);
    closing.removeEventListener('abort', close);
    stream.off('close', cancel);
  }
  endCall(stream, writer, error, responseHeaders);
}

/** Sends the response headers once, so that a client of a quiet stream knows the call was taken. */
function startResponse(stream: ServerHttp2Stream, headers: Readonly<Record<string, string>>): void {
  if (stream.headersSent || stream.destroyed) return;
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', ...headers },
    { waitForTrailers: true },
  );
}

function endCall(
  stream: ServerHttp2Stream,
  writer: FrameWriter,
  error: RpcError | null,
  headers: Readonly<Record<string, string>>,
): void {
  if (stream.destroyed) return;
  const code = error?.code ?? RpcCode.Ok;
  const message = error?.message ?? '';
  if (!stream.headersSent && error !== null) {
    respondTrailersOnly(stream, code, message, headers);
    return;
  }
  startResponse(stream, headers);
  writer.flush();
  stream.once('wantTrailers', () => stream.sendTrailers(statusHeaders(code, message)));
  stream.end();
}
