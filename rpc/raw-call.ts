import type { IncomingHttpHeaders } from 'node:http2';
import type { ByteBudget } from './byte-budget.ts';
import { startDeadline } from './call-limit.ts';
import type { Dialect } from './dialect.ts';
import { FrameWriter } from './frame-writer.ts';
import type { RawExchange } from './raw-exchange.ts';
import { readRequest } from './read-request.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { statusHeaders } from './status-header.ts';

/** A server-streaming call that is handled as bytes, past every message codec. */
export interface RawCall {
  /** Bytes of the request message. */
  readonly request: Uint8Array;
  readonly headers: IncomingHttpHeaders;
  /** Aborts when the client cancels, its deadline passes, or the server closes. The reason is an RpcError. */
  readonly signal: AbortSignal;
  /** See FrameWriter.write. */
  write(frames: Uint8Array, onSent?: () => void): boolean;
  /** Resolves when the client takes more, or when the signal aborts. */
  drained(): Promise<void>;
  /** Sends the response's headers, if they are still due, and all that was written: a client knows that its call was taken. */
  flush(): void;
}

/** Returning ends the call with OK, throwing an RpcError with its status, anything else with INTERNAL. */
export type RawStreamHandler = (call: RawCall) => Promise<void>;

/** What all calls of a server have in common. */
export interface RawCallContext {
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** Time that a client has to send its request. */
  readonly requestTimeoutMs: number;
  /** For the requests of all calls, as long as these run. */
  readonly requestBytes: ByteBudget;
  /** Aborts when the server closes, with the RpcError to tell. */
  readonly closing: AbortSignal;
}

/** Serves one call with a raw handler, from request to status. Never throws: what goes wrong is told to the client. */
export async function serveRawCall(
  exchange: RawExchange,
  dialect: Dialect,
  handler: RawStreamHandler,
  context: RawCallContext,
): Promise<void> {
  const abort = new AbortController();
  const cancelled = (): void => abort.abort(new RpcError(RpcCode.Cancelled, 'cancelled by the client'));
  const close = (): void => abort.abort(context.closing.reason);
  const stopGone = exchange.onGone(cancelled);
  context.closing.addEventListener('abort', close, { once: true });
  if (context.closing.aborted) close();
  const timeoutMs = dialect.timeoutMs(exchange.headers);
  const stopDeadline = startDeadline(timeoutMs, () =>
    abort.abort(new RpcError(RpcCode.DeadlineExceeded, `deadline of ${timeoutMs} ms exceeded`)),
  );
  const response = new RawResponse(exchange, dialect, context.responseHeaders);
  const share = context.requestBytes.open();
  let error: RpcError | null = null;
  try {
    const limits = { timeoutMs: context.requestTimeoutMs, share, signal: abort.signal };
    const request = await readRequest(exchange.input, limits);
    await handler({
      request,
      headers: exchange.headers,
      signal: abort.signal,
      write: (frames, onSent) => response.write(frames, onSent),
      drained: () => response.writer.drained(abort.signal),
      flush: () => response.flush(),
    });
    if (abort.signal.aborted) error = abort.signal.reason as RpcError;
  } catch (caught) {
    error = toStatus(abort.signal.aborted ? abort.signal.reason : caught);
  } finally {
    share.close();
    stopDeadline();
    context.closing.removeEventListener('abort', close);
    stopGone();
  }
  response.end(error);
}

function toStatus(caught: unknown): RpcError {
  if (caught instanceof RpcError) return caught;
  const message = caught instanceof Error ? caught.message : String(caught);
  return new RpcError(RpcCode.Internal, message, { cause: caught });
}

/** The response of one call: headers once, frames, and a status in the way of its dialect. */
class RawResponse {
  readonly writer: FrameWriter;
  private readonly exchange: RawExchange;
  private readonly dialect: Dialect;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(exchange: RawExchange, dialect: Dialect, headers: Readonly<Record<string, string>>) {
    this.exchange = exchange;
    this.dialect = dialect;
    this.headers = { 'content-type': dialect.contentType, ...headers };
    this.writer = new FrameWriter(exchange.output);
  }

  write(frames: Uint8Array, onSent?: () => void): boolean {
    this.start();
    return this.writer.write(frames, onSent);
  }

  flush(): void {
    this.start();
    this.writer.flush();
  }

  end(error: RpcError | null): void {
    const { exchange, dialect } = this;
    if (exchange.isGone) return;
    const code = error?.code ?? RpcCode.Ok;
    const message = error?.message ?? '';
    if (dialect.hasTrailers && error !== null && !exchange.hasResponded) {
      exchange.respondOnly({ ...this.headers, ...statusHeaders(code, message) });
      return;
    }
    if (code === RpcCode.DeadlineExceeded && exchange.output.writableLength > 0) {
      // The client has given up by itself; what it did not read would keep the stream alive for as long as the connection.
      exchange.reset();
      return;
    }
    this.start();
    if (!dialect.hasTrailers) this.writer.write(dialect.endFrame(code, message));
    this.writer.flush();
    exchange.end(dialect.hasTrailers ? statusHeaders(code, message) : null);
  }

  private start(): void {
    const { exchange, dialect, headers } = this;
    if (!exchange.hasResponded && !exchange.isGone) exchange.respond(headers, dialect.hasTrailers);
  }
}
