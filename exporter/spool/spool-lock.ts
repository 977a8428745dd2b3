import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Makes sure that one exporter writes a spool. The lock is an abstract Unix socket, which the kernel takes back however the process ends. Throws Error when another process
 * holds it; `close` gives it back.
 */
export async function lockSpool(directory: string): Promise<{ close(): void }> {
  const name = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message =
        error.code === 'EADDRINUSE'
          ? `another exporter uses the spool ${directory}: stop it first, or give this one another directory`
          : `cannot lock the spool ${directory}: ${error.message}`;
      reject(new Error(message, { cause: error }));
    });
    server.listen(`\0sluice-spool-${name}`, resolve);
  });
  server.unref();
  return { close: () => server.close() };
}
