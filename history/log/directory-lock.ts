import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Makes sure that one process writes to a directory. The lock is an abstract Unix socket, which the kernel takes back however the process ends. Throws Error when another
 * process holds it; `close` gives it back.
 * @param kind tells locks of different kinds apart: lower case letters
 * @param inUse what to say when another process holds it
 */
export async function lockDirectory(
  directory: string,
  kind: string,
  inUse: string,
): Promise<{ close(): void }> {
  const name = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message =
        error.code === 'EADDRINUSE' ? inUse : `cannot lock the ${kind} ${directory}: ${error.message}`;
      reject(new Error(message, { cause: error }));
    });
    server.listen(`\0sluice-${kind}-${name}`, resolve);
  });
  server.unref();
  return { close: () => server.close() };
}
