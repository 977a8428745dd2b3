import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import {
  type ParsedManifests,
  MAX_MANIFEST_BYTES,
  parseManifests,
  type PolicyReader,
} from '../manifest/parse-manifests.ts';

/**
 * Reads and parses a manifest file. A file that cannot be read, is larger than 4 MiB or holds no UTF-8 text yields a problem; null when it is not there
 * (any more).
 */
export function readManifestFile(path: string, readPolicies?: PolicyReader): ParsedManifests | null {
  const problem = (message: string): ParsedManifests => ({
    objects: [],
    notes: [],
    problems: [{ where: path, message }],
  });
  let fd: number;
  try {
    // Not to hang on a named pipe that somebody gave a manifest's name.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? null : problem(`cannot be read (${code})`);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return problem('is no regular file');
    if (stats.size > MAX_MANIFEST_BYTES) {
      return problem(`has ${stats.size} bytes: expected at most ${MAX_MANIFEST_BYTES}`);
    }
    const bytes = readBytes(fd, stats.size);
    if (bytes === null) return problem(`grew beyond ${MAX_MANIFEST_BYTES} bytes while it was read`);
    return parseManifests(path, new TextDecoder('utf-8', { fatal: true }).decode(bytes), readPolicies);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return problem(
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? 'is not UTF-8 text'
        : `cannot be read (${code ?? message})`,
    );
  } finally {
    closeSync(fd);
  }
}

/** Everything in the file, which may have grown since its size was asked; null beyond the bound. */
function readBytes(fd: number, size: number): Uint8Array | null {
  let buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (;;) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
    if (length > MAX_MANIFEST_BYTES) return null;
    if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * length);
  }
}
