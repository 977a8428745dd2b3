import { createReadStream, createWriteStream, existsSync, readdirSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import type { Compression } from '../../config/config.ts';
import type { RotatingFileOptions } from './rotating-file.ts';

const suffixes: Readonly<Record<Compression, string>> = { none: '', gzip: '.gz', zstd: '.zst' };
const TEMPORARY = '.tmp';

/**
 * What a file is called once it is rotated: `flows-2026-03-04T09-15-22.118.jsonl` of `flows.jsonl`, as Hubble's exporter names them. Never one that is there, and of later ones the
 * later name.
 */
export function backupPath(path: string, afterMs: number): { readonly backup: string; readonly ms: number } {
  const { stem, extension } = partsOf(path);
  for (let ms = Math.max(Date.now(), afterMs + 1); ; ms++) {
    const stamp = new Date(ms).toISOString().slice(0, -1).replaceAll(':', '-');
    const backup = join(dirname(path), `${stem}-${stamp}${extension}`);
    if (Object.values(suffixes).every((suffix) => !existsSync(backup + suffix))) return { backup, ms };
  }
}

/** Compresses rotated files that are not compressed yet, and deletes those that are too many, the oldest first. Throws what the file system throws. */
export async function finishBackups(options: RotatingFileOptions): Promise<void> {
  const { path, compress, maxBackups } = options;
  const directory = dirname(path);
  for (const name of listBackups(path)) {
    if (name.endsWith(TEMPORARY)) rmSync(join(directory, name)); // a process died over it
  }
  for (const name of listBackups(path)) {
    const from = join(directory, name);
    if (name.endsWith(TEMPORARY)) rmSync(from); // the process died over it
    else if (compress !== 'none' && name.endsWith(partsOf(path).extension))
      await compressFile(from, compress);
  }
  if (maxBackups === 0) return;
  const backups = listBackups(path);
  for (const name of backups.slice(0, Math.max(0, backups.length - maxBackups)))
    rmSync(join(directory, name));
}

/** Names of the rotated files of a path, the oldest first. */
export function listBackups(path: string): string[] {
  const { stem, extension } = partsOf(path);
  const pattern = /^-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;
  const tails = Object.values(suffixes).flatMap((suffix) => [suffix, suffix + TEMPORARY]);
  return readdirSync(dirname(path))
    .filter((name) =>
      tails.some(
        (tail) =>
          name.startsWith(stem) &&
          name.endsWith(extension + tail) &&
          pattern.test(name.slice(stem.length, name.length - extension.length - tail.length)),
      ),
    )
    .sort();
}

async function compressFile(from: string, compression: Compression): Promise<void> {
  const to = from + suffixes[compression];
  const compressor: Transform = compression === 'gzip' ? createGzip() : createZstdCompress();
  await pipeline(createReadStream(from), compressor, createWriteStream(to + TEMPORARY, { mode: 0o640 }));
  await rename(to + TEMPORARY, to);
  rmSync(from);
}

function partsOf(path: string): { readonly stem: string; readonly extension: string } {
  const extension = extname(path);
  return { stem: basename(path, extension), extension };
}
