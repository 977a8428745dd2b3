import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Makes sure that a node has one agent: a second would take over the first one's rings and leave it blind. The lock is an abstract Unix socket, which the kernel gives back
 * however the process ends. It belongs to the network namespace, as the agent's attachments do. Throws Error when another process holds it; `close` gives it back.
 */
export async function lockNode(pinDir: string): Promise<{ close(): void }> {
  // Such names are short, and a path may be longer.
  const name = createHash('sha256').update(pinDir).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message =
        error.code === 'EADDRINUSE'
          ? `another agent runs with ${pinDir}; stop it first, or give this one another --pin-dir`
          : `cannot lock ${pinDir}: ${error.message}`;
      reject(new Error(message, { cause: error }));
    });
    server.listen(`\0sluice-agent-${name}`, resolve);
  });
  server.unref();
  return { close: () => server.close() };
}
