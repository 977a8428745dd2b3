import { chmodSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type Address, formatAddress } from './address.ts';
import { Doors, type DoorOptions, type Protocols } from './doors.ts';
import { prepareSocketPath } from './socket-path.ts';

/** How to listen on one address. */
export interface ListenOptions extends DoorOptions {
  /** Permission bits of a Unix socket. */
  readonly socketMode: number;
}

/** A bound address and how to give it back. */
export interface Listener {
  readonly address: Address;
  /** Connections open now. */
  readonly connectionCount: number;
  /** Stops accepting, ends idle connections, and cuts those that are left once `graceMs` have passed. */
  close(graceMs: number): Promise<void>;
}

const BACKLOG = 1024;
/** Silence after which the kernel asks a client for a sign of life, so that one whose host is gone does not stay for ever. */
const TCP_KEEPALIVE_MS = 30_000;
const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };

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

/** Listens on one address. Throws an Error that names the address when it cannot be bound. */
export async function listen(
  address: Address,
  protocols: Protocols,
  options: ListenOptions,
): Promise<Listener> {
  const doors = new Doors(protocols, options);
  const server = createServer(SOCKET_OPTIONS, (socket) => doors.take(socket));
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
      return doors.connectionCount;
    },
    close: async (graceMs) => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      doors.closeIdle();
      const cut = setTimeout(() => doors.cut(), graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}
