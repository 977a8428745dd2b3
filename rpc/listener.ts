import { lstatSync, mkdirSync, rmSync, chmodSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createSecureServer, createServer as createHttp2Server, type Http2Server } from 'node:http2';
import {
  connect,
  createServer as createNetServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { dirname } from 'node:path';
import { type Address } from './address.ts';
import { type TlsFiles, serverTlsOptions } from './tls-files.ts';

/** What a connection is served by, in HTTP/2 and HTTP/1.1. */
export interface Protocols {
  readonly configureHttp2: (server: Http2Server) => void;
  readonly http1: RequestListener;
}

/** A bound address and how to give it back. */
export interface Listener {
  readonly address: Address;
  /** Stops accepting, ends idle connections, and cuts those that are left once `graceMs` have passed. */
  close(graceMs: number): Promise<void>;
}

/** The first bytes of HTTP/2 with prior knowledge (RFC 9113 section 3.4). */
const PREFACE = 'PRI ';
const SESSION_OPTIONS = {
  // A request's headers are small; a flood of streams or headers is no Hubble client.
  settings: { maxConcurrentStreams: 1000, maxHeaderListSize: 64 * 1024, initialWindowSize: 1024 * 1024 },
  maxSessionMemory: 64,
};

/** Closes whatever stale socket file is left at `path`. Throws when a live process listens there or when the file is no socket. */
async function clearSocketPath(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`cannot listen on unix://${path}: the file exists and is no socket`);
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (alive) throw new Error(`cannot listen on unix://${path}: another process listens there`);
  rmSync(path);
}

function bind(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const where = address.kind === 'unix' ? `unix://${address.path}` : `${address.host}:${address.port}`;
      reject(new Error(`cannot listen on ${where}: ${error.code ?? error.message}`, { cause: error }));
    };
    server.once('error', fail);
    const done = (): void => {
      server.off('error', fail);
      resolve();
    };
    if (address.kind === 'unix') server.listen({ path: address.path, backlog: 1024 }, done);
    else server.listen({ host: address.host || '::', port: address.port, backlog: 1024 }, done);
  });
}

/** A plaintext server that gives each connection to HTTP/2 or HTTP/1.1 by its first bytes. */
function createSniffingServer(protocols: Protocols): { server: Server; inner: Http2Server } {
  const http2 = createHttp2Server(SESSION_OPTIONS);
  protocols.configureHttp2(http2);
  const http1 = createHttpServer(protocols.http1);
  const server = createNetServer((socket: Socket) => {
    socket.on('error', () => socket.destroy()); // a connection that breaks is the client's affair
    socket.setNoDelay(true);
    const onReadable = (): void => {
      const head = socket.read() as Buffer | null;
      if (head === null) return;
      socket.off('readable', onReadable);
      socket.unshift(head);
      const isHttp2 = head.toString('latin1', 0, PREFACE.length) === PREFACE.slice(0, head.length);
      (isHttp2 ? http2 : http1).emit('connection', socket);
    };
    socket.on('readable', onReadable);
  });
  return { server, inner: http2 };
}

/**
 * Listens on one address. Unix sockets are always plaintext and for their owner and group only; TCP uses TLS when files are given.
 * Throws an Error that names the address when it cannot be bound.
 */
export async function listen(
  address: Address,
  tls: TlsFiles | undefined,
  protocols: Protocols,
): Promise<Listener> {
  const sockets = new Set<Socket>();
  let server: Server;
  if (address.kind === 'tcp' && tls !== undefined) {
    const secure = createSecureServer(
      { ...SESSION_OPTIONS, ...serverTlsOptions(tls), allowHTTP1: true },
      (request, response) => {
        if (request.httpVersionMajor === 1) protocols.http1(request as never, response as never);
      },
    );
    protocols.configureHttp2(secure);
    secure.on('tlsClientError', () => {}); // a client that fails the handshake is told by TLS itself
    server = secure;
    server.on('secureConnection', (socket: Socket) => track(sockets, socket));
  } else {
    const sniffing = createSniffingServer(protocols);
    server = sniffing.server;
    server.on('connection', (socket: Socket) => track(sockets, socket));
  }
  if (address.kind === 'unix') {
    mkdirSync(dirname(address.path), { recursive: true });
    await clearSocketPath(address.path);
  }
  await bind(server, address);
  if (address.kind === 'unix') chmodSync(address.path, 0o660);
  const bound = server.address();
  return {
    address: address.kind === 'unix' ? address : { ...address, port: (bound as AddressInfo).port },
    close: (graceMs) => closeServer(server, sockets, graceMs),
  };
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

async function closeServer(server: Server, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(cut);
}
