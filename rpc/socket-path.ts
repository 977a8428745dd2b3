import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';

/**
 * Makes room for a socket at `path`: creates the directory and removes a socket that nobody listens on any more. Throws an Error when somebody does, or when
 * something else than a socket is there.
 */
export async function prepareSocketPath(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`cannot listen on unix://${path}: the file exists and is no socket`);
  if (await isListenedOn(path)) {
    throw new Error(`cannot listen on unix://${path}: another process listens there`);
  }
  rmSync(path, { force: true });
}

/** Only a refused connection proves that nobody listens: a full backlog or missing rights do not. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
