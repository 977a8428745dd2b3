import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of a test, which is removed when its process ends. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-export-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
