import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { DEFAULT_MAX_MESSAGE_BYTES, frameMessage } from '../proto/flow/frame.ts';
import { type Address, formatAddress } from './address.ts';
import { limitCall, orAborted } from './call-limit.ts';
import { readResponse, type RunListener } from './read-response.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';
import { formatGrpcTimeout } from './status-header.ts';

/** How to connect, and what to accept. */
export interface RpcClientOptions extends SessionOptions {
  /** Longest message accepted; default 4 MiB as in gRPC. */
  readonly maxMessageBytes?: number;
}

/** What a single call may be given. */
export interface CallOptions {
  /** Deadline, the time to connect included; none when absent. */
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called with the response headers, once. */
  readonly onHeaders?: (headers: IncomingHttpHeaders) => void;
}

/** `idle`: nothing tried yet; `connecting`; `ready`; `failed`: the last attempt or connection broke, the next call tries again; `closed` for good. */
export type ConnectionState =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting' }
  | { readonly name: 'ready' }
  | { readonly name: 'failed'; readonly reason: string }
  | { readonly name: 'closed' };

/** The same states with what each of them holds. */
type Link =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting'; readonly opening: Promise<Session>; readonly abort: AbortController }
  | { readonly name: 'ready'; readonly session: Session }
  | { readonly name: 'failed'; readonly reason: string }
  | { readonly name: 'closed' };

/** One HTTP/2 connection to a server, made by the first call and made again by the next call after it broke. */
export class RpcConnection {
  readonly address: Address;
  private readonly options: RpcClientOptions;
  private link: Link = { name: 'idle' };
  /** Every session that calls may still run on: one that the server is leaving, too. */
  private readonly sessions = new Set<Session>();
  private readonly listeners = new Set<(state: ConnectionState) => void>();

  constructor(address: Address, options: RpcClientOptions = {}) {
    this.address = address;
    this.options = options;
  }

  get state(): ConnectionState {
    return stateOf(this.link);
  }

  /** Calls `listener` at every change of state from now on; returns how to stop that. */
  onState(listener: (state: ConnectionState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Makes the connection if there is none. Throws RpcError UNAVAILABLE that names address and cause. */
  async connect(): Promise<void> {
    await this.open();
  }

  /** Ends the connection and every call on it, with CANCELLED those that wait for it and with UNAVAILABLE those that run. */
  close(): void {
    if (this.link.name === 'connecting') this.link.abort.abort(this.closedError());
    this.setLink({ name: 'closed' });
    for (const { http2 } of this.sessions) http2.destroy();
  }

  /** One request, one response. Throws RpcError. */
  async unary(path: string, request: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    let response: Uint8Array | null = null;
    await this.stream(path, request, options, (run) => {
      if (response !== null || run.count > 1)
        throw new RpcError(RpcCode.Internal, 'more than one response message');
      response = run.bytes.subarray(5);
    });
    if (response === null) throw new RpcError(RpcCode.Internal, 'no response message');
    return response;
  }

  /** One request, any number of responses, given to `onRun` as they come. Resolves when the server ends the call with OK, throws RpcError otherwise. */
  async stream(path: string, request: Uint8Array, options: CallOptions, onRun: RunListener): Promise<void> {
    const limit = limitCall(options.timeoutMs, options.signal);
    const startedMs = performance.now();
    try {
      if (limit.signal.aborted) throw limit.signal.reason as RpcError;
      const session = await orAborted(this.open(), limit.signal);
      const leftMs =
        options.timeoutMs === undefined ? null : options.timeoutMs - (performance.now() - startedMs);
      const stream = this.request(session, path, leftMs, options.metadata ?? {});
      stream.end(frameMessage(request));
      await readResponse(session, stream, {
        signal: limit.signal,
        maxMessageBytes: this.options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
        onHeaders: options.onHeaders,
        onRun,
      });
    } finally {
      limit.release();
    }
  }

  private request(
    session: Session,
    path: string,
    timeoutMs: number | null,
    metadata: Readonly<Record<string, string>>,
  ): ClientHttp2Stream {
    const headers = {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      'user-agent': 'sluice',
      ...(timeoutMs !== null && { 'grpc-timeout': formatGrpcTimeout(timeoutMs) }),
      ...metadata,
    };
    try {
      return session.http2.request(headers);
    } catch (error) {
      const hasLeft = isOver(session);
      throw new RpcError(
        hasLeft ? RpcCode.Unavailable : RpcCode.Internal,
        hasLeft ? 'connection lost' : `cannot send the request: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  private setLink(link: Link): void {
    if (this.link.name === 'closed') return;
    this.link = link;
    for (const listener of this.listeners) listener(stateOf(link));
  }

  private closedError(): RpcError {
    return new RpcError(RpcCode.Cancelled, `connection to ${formatAddress(this.address)} is closed`);
  }

  private open(): Promise<Session> {
    const { link } = this;
    if (link.name === 'closed') return Promise.reject(this.closedError());
    if (link.name === 'ready') {
      if (!isOver(link.session)) return Promise.resolve(link.session);
      this.setLink({ name: 'failed', reason: 'connection lost' }); // its close has not been told yet
    }
    if (link.name === 'connecting') return link.opening;
    const abort = new AbortController();
    const opening = openSession(this.address, this.options, abort.signal);
    this.setLink({ name: 'connecting', opening, abort });
    opening.then(
      (session) => this.opened(session),
      (error: Error) => this.setLink({ name: 'failed', reason: error.message }),
    );
    return opening;
  }

  private opened(session: Session): void {
    if (this.link.name === 'closed') {
      session.http2.destroy();
      return;
    }
    const fail = (reason: string): void => {
      if (this.link.name === 'ready' && this.link.session === session)
        this.setLink({ name: 'failed', reason });
    };
    this.sessions.add(session);
    session.http2.once('goaway', () => fail('the server is going away'));
    session.http2.once('close', () => {
      this.sessions.delete(session);
      fail('connection lost');
    });
    this.setLink({ name: 'ready', session });
  }
}

/** Whether no call can be started on a session any more. */
function isOver({ http2, isLost }: Session): boolean {
  return isLost || http2.closed || http2.destroyed;
}

function stateOf(link: Link): ConnectionState {
  return link.name === 'failed' ? link : { name: link.name };
}
