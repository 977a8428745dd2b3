import { randomUUID } from 'node:crypto';
import { fdatasyncSync, closeSync, linkSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { firstCandidate, identityRange, labelsKey } from '../identity-registry.ts';
import { formatIdentityManifest } from '../manifest/identity-manifest.ts';
import { readManifestFile } from './read-file.ts';

/** Subdirectory of a cluster's manifests in which its agents agree on identities. */
export const IDENTITIES_DIRECTORY = 'identities';

/**
 * Finds or makes the number of a label set among all agents of a cluster that share `dir`, without a lock: number N belongs to whoever first links a complete
 * file `identities/N.yaml` into place, which the kernel lets succeed once. Everyone begins at the same number and goes on to the next where another label set
 * stands, so all end at the same. `isTaken` may spare the look at files of numbers known to be others'. Throws what the file system throws
 * (no space, read-only), or an Error when all numbers are given out.
 */
export function claimIdentity(
  dir: string,
  clusterId: number,
  labels: readonly string[],
  isTaken: (identity: number) => boolean,
): number {
  const directory = join(dir, IDENTITIES_DIRECTORY);
  mkdirSync(directory, { recursive: true });
  const { first, last } = identityRange(clusterId);
  const size = last - first + 1;
  const start = firstCandidate(labels, clusterId) - first;
  for (let step = 0; step < size; step++) {
    const identity = first + ((start + step) % size);
    if (isTaken(identity)) continue;
    const path = join(directory, `${identity}.yaml`);
    if (holdsLabels(path, identity, labels) || linkNew(path, formatIdentityManifest(identity, labels))) {
      return identity;
    }
    // Somebody was quicker; perhaps with the same labels.
    if (holdsLabels(path, identity, labels)) return identity;
  }
  throw new Error(`all ${size} identities of cluster ${clusterId} are given out`);
}

function holdsLabels(path: string, identity: number, labels: readonly string[]): boolean {
  const [object] = readManifestFile(path)?.objects ?? [];
  return (
    object?.kind === 'CiliumIdentity' &&
    object.identity === identity &&
    labelsKey(object.labels) === labelsKey(labels)
  );
}

/** Makes a file appear with all its content, unless one of that name is there. Returns whether it did. */
function linkNew(path: string, text: string): boolean {
  const temporary = join(path, '..', `.${randomUUID()}.tmp`);
  const fd = openSync(temporary, 'wx', 0o644);
  try {
    writeSync(fd, text);
    fdatasyncSync(fd); // or the name could outlive a power cut without its content
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    closeSync(fd);
    rmSync(temporary, { force: true });
  }
}
