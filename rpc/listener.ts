import { chmodSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from 'node:http2';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import { type Address, formatAddress } from './address.ts';
import { sniff } from './sniff.ts';
import { prepareSocketPath } from './socket-path.ts';
import { reloadTlsFiles, serverTlsOptions, type TlsFiles } from './tls-files.ts';

/** What a connection is served by, in HTTP/2 and HTTP/1.1. */
export interface Protocols {
  readonly http2: (server: Http2Server) => void;
  readonly http1: RequestListener;
}

/** How to listen on one address. */
export interface ListenOptions {
  /** For TCP; plaintext without. */
  readonly tls: TlsFiles | undefined;
  /** Permission bits of a Unix socket. */
  readonly socketMode: number;
  /** Told what does not work although the server goes on. */
  readonly onProblem: (message: string) => void;
}

/** A bound address and how to give it back. */
export interface Listener {
  readonly address: Address;
  /** Connections open now. */
  readonly connectionCount: number;
  /** Stops accepting, ends idle connections, and cuts those that are left once `graceMs` have passed. */
  close(graceMs: number): Promise<void>;
}

const SESSION_OPTIONS = {
  // A request's headers are small; a flood of streams or headers is no Hubble client.
  settings: { maxConcurrentStreams: 1000, maxHeaderListSize: 64 * 1024, initialWindowSize: 1024 * 1024 },
  maxSessionMemory: 64,
};
const BACKLOG = 1024;
/** How long a new connection may take to send its first bytes. */
const FIRST_BYTES_TIMEOUT_MS = 10_000;
/** Silence after which the kernel asks a client for a sign of life, so that one whose host is gone does not stay for ever. */
const TCP_KEEPALIVE_MS = 30_000;
const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };

/** A server for connections, and what it has to be told when it closes. */
interface Doors {
  readonly server: Server;
  /** The event that brings a connection that is to be cut in the end. */
  readonly connectionEvent: 'connection' | 'secureConnection';
  readonly http2: Http2Server;
  /** Lets go of connections that wait for a request. */
  closeIdle(): void;
}

function plainDoors(protocols: Protocols): Doors {
  const http2 = createHttp2Server(SESSION_OPTIONS);
  const http1 = createHttpServer(protocols.http1);
  // Never listening itself, it would not look after its timeouts: those start with this event.
  http1.emit('listening');
  const waiting = new Set<Socket>();
  const server = createNetServer(SOCKET_OPTIONS, (socket: Socket) => {
    socket.on('error', () => socket.destroy()); // a connection that breaks is the client's affair
    waiting.add(socket);
    socket.once('close', () => waiting.delete(socket));
    sniff(socket, FIRST_BYTES_TIMEOUT_MS, (isHttp2) => {
      waiting.delete(socket);
      (isHttp2 ? http2 : http1).emit('connection', socket);
    });
  });
  return {
    server,
    connectionEvent: 'connection',
    http2,
    closeIdle: () => {
      for (const socket of waiting) socket.destroy();
      http1.close(); // its idle connections, and its timer
    },
  };
}

function secureDoors(files: TlsFiles, protocols: Protocols, onProblem: (message: string) => void): Doors {
  const http2 = createSecureServer({
    ...SESSION_OPTIONS,
    ...SOCKET_OPTIONS,
    ...serverTlsOptions(files),
    allowHTTP1: true,
  });
  http2.on('tlsClientError', () => {}); // a client that fails the handshake is told by TLS itself
  reloadTlsFiles(http2, files, onProblem);
  http2.on('request', (request, response) => {
    if (request.httpVersionMajor === 1) protocols.http1(request as never, response as never);
  });
  return { server: http2, connectionEvent: 'secureConnection', http2, closeIdle: () => {} };
}

function bind(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const where = formatAddress(address);
      reject(new Error(`cannot listen on ${where}: ${bindFault(error)}`, { cause: error }));
    };
    server.once('error', fail);
    const done = (): void => {
      server.off('error', fail);
      server.on('error', () => {}); // of accepting one connection (too many open files): the next may work
      resolve();
    };
    if (address.kind === 'unix') server.listen({ path: address.path, backlog: BACKLOG }, done);
    // Without a host node listens on :: for both families, and on 0.0.0.0 where there is no IPv6.
    else
      server.listen(
        { ...(address.host !== '' && { host: address.host }), port: address.port, backlog: BACKLOG },
        done,
      );
  });
}

function bindFault(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another process listens there';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address';
    case 'EACCES':
      return 'permission denied';
    default:
      return error.code ?? error.message;
  }
}

/**
 * Listens on one address. Unix sockets are always plaintext; TCP uses TLS when files are given. Throws an Error that names the address when it cannot be bound, or
 * the file when a certificate cannot be used.
 */
export async function listen(
  address: Address,
  protocols: Protocols,
  options: ListenOptions,
): Promise<Listener> {
  const doors =
    address.kind === 'tcp' && options.tls !== undefined
      ? secureDoors(options.tls, protocols, options.onProblem)
      : plainDoors(protocols);
  const { server, http2 } = doors;
  const sockets = trackSockets(doors);
  const sessions = new Set<ServerHttp2Session>();
  http2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  http2.on('sessionError', () => {}); // a broken connection ends its calls; there is nobody to tell
  protocols.http2(http2);
  if (address.kind === 'unix') await prepareSocketPath(address.path);
  try {
    await bind(server, address);
    if (address.kind === 'unix') chmodSync(address.path, options.socketMode);
  } catch (error) {
    doors.closeIdle();
    server.close();
    throw error;
  }
  const bound = server.address() as AddressInfo;
  return {
    address: address.kind === 'unix' ? address : { ...address, port: bound.port },
    get connectionCount() {
      return sockets.size;
    },
    close: async (graceMs) => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      doors.closeIdle();
      for (const session of sessions) session.close(); // GOAWAY, and the end once its streams have ended
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

function trackSockets({ server, connectionEvent }: Doors): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on(connectionEvent, (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}
