import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

/** Replaces a small file in one step. With `sync` its content is on the disk before the name is. */
export function replaceFile(path: string, text: string, sync: boolean): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', 0o640);
  try {
    writeSync(file, text);
    if (sync) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
