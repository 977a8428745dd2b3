import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectNet } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  DEFAULT_MAX_MESSAGE_BYTES,
  frameMessage,
  FrameSplitter,
  type FrameRun,
} from '../proto/flow/frame.ts';
import { WireError } from '../proto/flow/wire.ts';
import { type Address, formatAddress } from './address.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { formatGrpcTimeout, statusError } from './status-header.ts';
import { type ClientTls, clientTlsOptions } from './tls-files.ts';

/** How to connect. */
export interface RpcClientOptions {
  /** Use TLS. Unix sockets never do. */
  readonly tls?: ClientTls;
  /**
   * Receive window per stream in bytes, default 1 MiB: at least twice rate × flush interval × message size. Many small peers want less (64 KiB at 1,000),
   * because a stalled reader holds up to this much for each.
   */
  readonly windowBytes?: number;
  /** Longest message accepted; default 4 MiB as in gRPC. */
  readonly maxMessageBytes?: number;
  /** How long a connection attempt may take; default 10 s. */
  readonly connectTimeoutMs?: number;
  /** A ping goes out after this much silence, and one more interval without an answer ends the connection; default 20 s, 0 = never. */
  readonly keepaliveMs?: number;
}

/** What a single call may be given. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called with the response headers, once. */
  readonly onHeaders?: (headers: Readonly<Record<string, string | string[] | undefined>>) => void;
}

/** `idle`: nothing tried yet; `connecting`; `ready`; `failed`: the last attempt or connection broke, the next call tries again; `closed` for good. */
export type ConnectionState =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting' }
  | { readonly name: 'ready' }
  | { readonly name: 'failed'; readonly reason: string }
  | { readonly name: 'closed' };

/** Message runs of a stream; a promise returned holds the stream back until it resolves. */
export type RunListener = (run: FrameRun) => void | Promise<void>;

/** One HTTP/2 connection to a server, made by the first call and made again by the next call after it broke. */
export class RpcConnection {
  readonly address: Address;
  private readonly options: RpcClientOptions;
  private session: Promise<ClientHttp2Session> | null = null;
  private current: ConnectionState = { name: 'idle' };
  private readonly listeners = new Set<(state: ConnectionState) => void>();

  constructor(address: Address, options: RpcClientOptions = {}) {
    this.address = address;
    this.options = options;
  }

  get state(): ConnectionState {
    return this.current;
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

  /** Ends the connection and every call on it. */
  close(): void {
    this.setState({ name: 'closed' });
    const session = this.session;
    this.session = null;
    void session?.then(
      (open) => open.destroy(),
      () => {}, // it never opened
    );
  }

  /** One request, one response. Throws RpcError. */
  async unary(path: string, request: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    let response: Uint8Array | null = null;
    await this.stream(path, request, options, (run) => {
      if (response !== null || run.count > 1)
        throw new RpcError(RpcCode.Internal, 'more than one response message');
      response = run.bytes.slice(5);
    });
    if (response === null) throw new RpcError(RpcCode.Internal, 'no response message');
    return response;
  }

  /** One request, any number of responses, given to `onRun` as they come. Resolves when the server ends the call with OK, throws RpcError otherwise. */
  async stream(path: string, request: Uint8Array, options: CallOptions, onRun: RunListener): Promise<void> {
    if (options.signal?.aborted === true) throw new RpcError(RpcCode.Cancelled, 'cancelled by this side');
    const session = await this.open();
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      'user-agent': 'sluice',
      ...(options.timeoutMs !== undefined && { 'grpc-timeout': formatGrpcTimeout(options.timeoutMs) }),
      ...options.metadata,
    });
    stream.end(frameMessage(request));
    await readResponse(stream, options, this.options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES, onRun);
  }

  private setState(state: ConnectionState): void {
    if (this.current.name === 'closed') return;
    this.current = state;
    for (const listener of this.listeners) listener(state);
  }

  private open(): Promise<ClientHttp2Session> {
    if (this.current.name === 'closed') {
      return Promise.reject(
        new RpcError(RpcCode.Cancelled, `connection to ${formatAddress(this.address)} is closed`),
      );
    }
    if (this.session !== null) return this.session;
    this.setState({ name: 'connecting' });
    const opening = openSession(this.address, this.options);
    this.session = opening;
    const forget = (reason: string): void => {
      if (this.session !== opening) return;
      this.session = null;
      this.setState({ name: 'failed', reason });
    };
    opening.then(
      (session) => {
        if (this.session !== opening) {
          session.destroy();
          return;
        }
        this.setState({ name: 'ready' });
        session.once('goaway', () => forget('the server is going away'));
        session.once('close', () => forget('connection closed'));
      },
      (error: Error) => forget(error.message),
    );
    return opening;
  }
}

function openSession(address: Address, options: RpcClientOptions): Promise<ClientHttp2Session> {
  const windowBytes = options.windowBytes ?? 1024 * 1024;
  const where = formatAddress(address);
  const usesTls = address.kind === 'tcp' && (address.tls || options.tls !== undefined);
  return new Promise((resolve, reject) => {
    const session = connect(
      `${usesTls ? 'https' : 'http'}://${address.kind === 'tcp' ? urlHost(address) : 'localhost'}`,
      {
        createConnection: () => {
          if (address.kind === 'unix') return connectNet(address.path);
          const target = { host: address.host || 'localhost', port: address.port };
          return usesTls
            ? connectTls({ ...target, ...clientTlsOptions(options.tls ?? {}, address.host) })
            : connectNet(target);
        },
        settings: { initialWindowSize: windowBytes, enablePush: false },
      },
    );
    const timeoutMs = options.connectTimeoutMs ?? 10_000;
    const timer = setTimeout(() => {
      session.destroy(new Error(`no connection within ${timeoutMs} ms`));
    }, timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(
        new RpcError(RpcCode.Unavailable, `cannot connect to ${where}: ${reasonOf(error)}`, { cause: error }),
      );
    };
    session.once('error', fail);
    session.once('close', () => fail(new Error('connection closed')));
    // Ready means that the peer speaks HTTP/2, not only that TCP connected.
    session.once('remoteSettings', () => {
      clearTimeout(timer);
      session.setLocalWindowSize(Math.max(windowBytes, 1024 * 1024));
      session.on('error', () => {}); // told to the calls by the close of their streams
      keepAlive(session, options.keepaliveMs ?? 20_000);
      resolve(session);
    });
  });
}

function urlHost(address: { host: string; port: number }): string {
  const host = address.host === '' ? 'localhost' : address.host;
  return `${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

/** The words for a system error: what a person can act on, without node's prefix. */
function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused: nothing listens there';
    case 'ENOENT':
      return 'no such socket: the server is not running, or listens elsewhere';
    case 'EACCES':
      return 'permission denied: the socket belongs to another user';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'unknown host';
    case 'ERR_HTTP2_ERROR':
      return 'the server does not speak HTTP/2 (TLS expected, perhaps)';
    default:
      return error.message;
  }
}

function keepAlive(session: ClientHttp2Session, intervalMs: number): void {
  if (intervalMs <= 0) return;
  let answered = true;
  const timer = setInterval(() => {
    if (!answered) {
      session.destroy(new Error(`no answer to a ping within ${intervalMs} ms`));
      return;
    }
    answered = false;
    if (!session.destroyed) session.ping(() => (answered = true));
  }, intervalMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}

function readResponse(
  stream: ClientHttp2Stream,
  options: CallOptions,
  maxMessageBytes: number,
  onRun: RunListener,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const splitter = new FrameSplitter(maxMessageBytes);
    let outcome: RpcError | null | undefined;
    let busy: Promise<void> | null = null;
    let local: RpcError | undefined;
    const stop = (error: RpcError): void => {
      local ??= error;
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => stop(new RpcError(RpcCode.DeadlineExceeded, `no answer within ${options.timeoutMs} ms`)),
            options.timeoutMs,
          );
    const cancel = (): void => stop(new RpcError(RpcCode.Cancelled, 'cancelled by this side'));
    options.signal?.addEventListener('abort', cancel, { once: true });

    stream.on('response', (headers) => {
      options.onHeaders?.(headers);
      outcome = statusError(headers);
      if (outcome === undefined) return;
      if (outcome !== null) stream.resume();
    });
    stream.on('trailers', (trailers) => {
      outcome = statusError(trailers) ?? outcome;
      if (outcome === undefined) outcome = null;
    });
    stream.on('data', (chunk: Buffer) => {
      if (local !== undefined) return;
      try {
        const run = splitter.push(chunk);
        if (run === null) return;
        const pending = onRun(run);
        if (pending === undefined) return;
        stream.pause();
        busy = pending.then(
          () => {
            busy = null;
            stream.resume();
          },
          (error: unknown) => stop(toRpcError(error)),
        );
      } catch (error) {
        stop(toRpcError(error));
      }
    });
    stream.on('error', () => {}); // what matters is told by 'close'
    stream.on('close', () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', cancel);
      void (busy ?? Promise.resolve()).then(() => {
        const error = local ?? outcome ?? brokenStream(stream, outcome, splitter);
        if (error === null) resolve();
        else reject(error);
      });
    });
  });
}

/** What a close without a status means; null when the call had ended with OK. */
function brokenStream(
  stream: ClientHttp2Stream,
  outcome: RpcError | null | undefined,
  splitter: FrameSplitter,
): RpcError | null {
  if (outcome === null && splitter.heldBytes === 0) return null;
  if (outcome === null) return new RpcError(RpcCode.Internal, 'stream ended inside a message');
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM)
    return new RpcError(RpcCode.Unavailable, 'stream refused');
  if (stream.rstCode === constants.NGHTTP2_CANCEL)
    return new RpcError(RpcCode.Cancelled, 'cancelled by the server');
  return new RpcError(RpcCode.Unavailable, 'connection lost');
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
