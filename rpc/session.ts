import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { connect as connectNet, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { Address } from './address.ts';
import { connectError, refusedError } from './net-error.ts';
import { clientTlsOptions } from './client-tls.ts';
import type { ClientTls } from './tls-files.ts';

/** How to connect. */
export interface SessionOptions {
  /** Use TLS. Unix sockets never do. */
  readonly tls?: ClientTls;
  /**
   * Receive window per stream in bytes, default 1 MiB: at least twice rate × flush interval × message size. Many small peers want less (64 KiB at 1,000),
   * because a stalled reader holds up to this much for each.
   */
  readonly windowBytes?: number;
  /** How long a connection attempt may take, handshakes included; default 10 s. */
  readonly connectTimeoutMs?: number;
  /**
   * After this much silence the server is asked for a sign of life, and one more interval without any ends the connection; default 20 s, 0 = never.
   * A server that hangs is noticed after twice this time; one that is gone without a word is noticed by TCP as well.
   */
  readonly keepaliveMs?: number;
}

/** An HTTP/2 connection that a server has answered on. */
export interface Session {
  readonly http2: ClientHttp2Session;
  /** Whether the connection broke or ended: streams that close after that were not reset by the server. */
  readonly isLost: boolean;
  /** What the server said when it left in anger (the debug data of its GOAWAY); empty when it said nothing. */
  readonly farewell: string;
}

const DEFAULT_WINDOW_BYTES = 1024 * 1024;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_KEEPALIVE_MS = 20_000;

function openSocket(address: Address, tls: ClientTls | undefined): Socket {
  if (address.kind === 'unix') return connectNet(address.path);
  const target = { host: address.host || 'localhost', port: address.port, noDelay: true };
  if (tls === undefined) return connectNet(target);
  return connectTls({ ...target, ...clientTlsOptions(tls, target.host) });
}

/**
 * Connects, and resolves when the server has sent its HTTP/2 settings: it does speak HTTP/2 then, not only TCP. Throws RpcError UNAVAILABLE that names
 * address and cause. Ends the attempt, throwing the reason, when `signal` aborts; the session is the caller's to destroy from then on.
 */
export async function openSession(
  address: Address,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<Session> {
  const tls = address.kind === 'tcp' && address.tls ? (options.tls ?? {}) : options.tls;
  let socket: Socket;
  try {
    socket = openSocket(address, tls);
  } catch (error) {
    throw connectError(address, error as Error); // files that cannot be read
  }
  // The kernel asks a silent peer for a sign of life: a host that is gone without a word is noticed even while no ping may be sent.
  socket.setKeepAlive(true, DEFAULT_KEEPALIVE_MS);
  const windowBytes = options.windowBytes ?? DEFAULT_WINDOW_BYTES;
  const http2 = connect(authorityOf(address, tls !== undefined), {
    createConnection: () => socket,
    settings: { initialWindowSize: windowBytes, enablePush: false },
  });
  const session = { http2, isLost: false, farewell: '' };
  http2.once('goaway', (code: number, _last: number, words?: Buffer) => {
    if (code !== constants.NGHTTP2_NO_ERROR) session.farewell = farewellWords(code, words);
  });
  socket.once('close', () => (session.isLost = true));
  try {
    await ready(session, socket, options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS, signal);
  } catch (error) {
    socket.destroy();
    http2.destroy();
    if (signal.aborted) throw error;
    throw connectError(address, error as Error);
  }
  http2.on('error', () => {}); // told to the calls by the close of their streams
  socket.on('error', () => socket.destroy());
  http2.setLocalWindowSize(Math.max(windowBytes, DEFAULT_WINDOW_BYTES));
  keepAlive(http2, socket, options.keepaliveMs ?? DEFAULT_KEEPALIVE_MS);
  return session;
}

function authorityOf(address: Address, isTls: boolean): string {
  if (address.kind === 'unix') return 'http://localhost';
  const host = address.host || 'localhost';
  return `${isTls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

function ready(session: Session, socket: Socket, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { http2 } = session;
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      http2.off('error', settle).off('close', closed).off('remoteSettings', answered);
      http2.on('error', () => {}); // of an attempt that is over
      socket.off('error', settle).on('error', () => {});
      if (session.farewell !== '') reject(refusedError(session.farewell));
      else if (error === null) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => settle(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const abort = (): void => settle(signal.reason as Error);
    const closed = (): void => settle(new Error(closedWords(socket)));
    // A server that refuses this client has to send settings first; its GOAWAY comes in their wake.
    const answered = (): void => void setImmediate(settle, null);
    signal.addEventListener('abort', abort, { once: true });
    http2.on('error', settle).on('close', closed).on('remoteSettings', answered);
    // The session does not notice an error that TLS tells after the handshake, such as that a client certificate is wanted.
    socket.on('error', settle);
    if (signal.aborted) abort();
  });
}

/** Longest farewell shown: it is text of a server that may not be the one that was meant. */
const MAX_FAREWELL = 300;

function farewellWords(code: number, words: Buffer | undefined): string {
  const text = (words?.toString('utf8', 0, MAX_FAREWELL) ?? '').replaceAll(/[^\x20-\x7e]+/g, ' ').trim();
  return text === '' ? `HTTP/2 error ${code}` : text;
}

/** Why a server may have closed the connection without a word: of a client certificate that it refuses, node's servers do not tell more. */
function closedWords(socket: Socket): string {
  return socket instanceof TLSSocket
    ? 'the server hung up after the TLS handshake: it does not accept the client certificate, perhaps'
    : 'connection closed by the server before it said a word';
}

/**
 * Ends the session when nothing comes from the server for two intervals, the second of which it was asked to speak. It is asked by an empty SETTINGS frame, which
 * every HTTP/2 peer must acknowledge: servers built on grpc-go hang up on who sends PING more often than every five minutes.
 */
function keepAlive(http2: ClientHttp2Session, socket: Socket, intervalMs: number): void {
  if (intervalMs <= 0) return;
  let { bytesRead } = socket;
  let isAsked = false;
  const timer = setInterval(() => {
    if (socket.bytesRead !== bytesRead) {
      ({ bytesRead } = socket);
      isAsked = false;
    } else if (isAsked) {
      http2.destroy(new Error(`no sign of life within ${intervalMs} ms`));
    } else if (!http2.destroyed) {
      isAsked = true;
      http2.settings({});
    }
  }, intervalMs);
  timer.unref();
  http2.once('close', () => clearInterval(timer));
}
