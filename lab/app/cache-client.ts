import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const TIMEOUT_MS = 2_000;
/** Idle connections are given up by the server after this time; a client had better be quicker. */
const IDLE_MS = 20_000;

/** Asks caches: a line with a key, a line with its value back. Connections are used again, one question at a time on each. */
export class CacheClient {
  private readonly idle = new Map<string, Socket[]>();

  async ask(address: string, port: number, localAddress: string, prefix: string): Promise<void> {
    const socket = this.idle.get(address)?.pop() ?? (await open(address, port, localAddress));
    socket.write(`GET ${prefix}-${Math.floor(Math.random() * 1000)}\n`);
    try {
      await once(socket, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    this.release(address, socket);
  }

  private release(address: string, socket: Socket): void {
    // A connection does not live for ever: pools shrink, balancers move clients.
    if (socket.destroyed || Math.random() < 0.1) {
      socket.end();
      return;
    }
    const sockets = this.idle.get(address) ?? [];
    sockets.push(socket);
    this.idle.set(address, sockets);
  }
}

async function open(address: string, port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ host: address, port, localAddress });
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.destroy());
  return socket;
}
