import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** Held for as long as a lab runs. */
export interface LabLock {
  /** Tells who asks that this lab is ending, so that it is worth waiting for. */
  announceEnd(): void;
  release(): void;
}

interface Holder {
  readonly pid: number;
  readonly since: string;
  isEnding: boolean;
}

const RETRY_MS = 200;
/** Longer than a lab takes to end. */
const MAX_WAIT_MS = 30_000;

/**
 * Makes sure that only one lab of a name runs on the machine: the lock is an abstract Unix socket, which the kernel takes back however its holder ends. Waits for a
 * holder that is ending; throws an Error that names any other.
 */
export async function takeLock(name: string): Promise<LabLock> {
  const path = `\0sluice-lab-${name}`;
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    const lock = await tryLock(path);
    if (lock !== null) return lock;
    const holder = await askHolder(path);
    if (holder === null) {
      // It ended between the two questions, or cannot answer.
    } else if (!holder.isEnding || performance.now() > deadline) {
      const { pid, since } = holder;
      throw new Error(
        `a lab is running already (process ${pid}, since ${since}): end it first (Ctrl-C in its terminal)`,
      );
    }
    if (performance.now() > deadline) throw new Error('a lab is running already, and does not answer');
    await sleep(RETRY_MS);
  }
}

async function tryLock(path: string): Promise<LabLock | null> {
  const holder: Holder = { pid: process.pid, since: new Date().toISOString(), isEnding: false };
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(JSON.stringify(holder));
  });
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen(path, () => resolve(undefined));
  });
  if (error?.code === 'EADDRINUSE') return null;
  if (error !== undefined) throw error;
  return {
    announceEnd: () => {
      holder.isEnding = true;
    },
    release: () => server.close(),
  };
}

async function askHolder(path: string): Promise<Holder | null> {
  try {
    const socket = connect(path);
    socket.setTimeout(1_000, () => socket.destroy());
    return JSON.parse(await text(socket)) as Holder;
  } catch {
    return null;
  }
}
