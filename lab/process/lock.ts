import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';

/** Held for as long as a lab runs. */
export interface LabLock {
  release(): void;
}

/**
 * Makes sure that only one lab of a name runs on the machine: the lock is an abstract Unix socket, which the kernel takes back however its holder ends. Throws an Error that names
 * the holder when there is one.
 */
export async function takeLock(name: string): Promise<LabLock> {
  const path = `\0sluice-lab-${name}`;
  const holder = { pid: process.pid, since: new Date().toISOString() };
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(JSON.stringify(holder));
  });
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen(path, () => resolve(undefined));
  });
  if (error === undefined) return { release: () => server.close() };
  if (error.code !== 'EADDRINUSE') throw error;
  throw new Error(`a lab is running already${await askHolder(path)}: end it first (Ctrl-C in its terminal)`);
}

async function askHolder(path: string): Promise<string> {
  try {
    const socket = connect(path);
    socket.setTimeout(1_000, () => socket.destroy());
    const { pid, since } = JSON.parse(await text(socket)) as { pid: number; since: string };
    return ` (process ${pid}, since ${since})`;
  } catch {
    return '';
  }
}
