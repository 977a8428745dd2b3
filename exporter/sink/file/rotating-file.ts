import { mkdirSync, statSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileConfig } from '../../config/config.ts';
import { backupPath, finishBackups } from './backups.ts';

export type RotatingFileOptions = Pick<
  FileConfig,
  'path' | 'maxBytes' | 'maxAgeMs' | 'maxBackups' | 'compress'
>;

const TAIL_BYTES = 64 * 1024;

/**
 * A file of lines that is rotated by size and age. Whole blocks of lines are appended; one that failed half-way is taken back, and what a process left unfinished when it died is cut
 * off at the next start. A file that someone else moved away or deleted is made anew. One call at a time.
 */
export class RotatingFile {
  private readonly options: RotatingFileOptions;
  private readonly onError: (error: Error) => void;
  private file: FileHandle | null = null;
  private inode = 0;
  private bytes = 0;
  private bornMs = 0;
  private rotatedMs = 0;
  private finishing: Promise<void> = Promise.resolve();

  /** @param onError told of a rotated file that could not be compressed or deleted: it stays, and is tried again at the next rotation */
  constructor(options: RotatingFileOptions, onError: (error: Error) => void) {
    this.options = options;
    this.onError = onError;
  }

  /** Opens the file, which is made with its directory when missing. Throws what the file system throws. */
  async open(): Promise<void> {
    await this.close();
    const { path } = this.options;
    mkdirSync(dirname(path), { recursive: true });
    const file = await open(path, 'a+', 0o640);
    try {
      const { size, ino, birthtimeMs } = await file.stat();
      this.inode = ino;
      this.bytes = await cutTail(file, size);
      this.bornMs = birthtimeMs > 0 ? birthtimeMs : Date.now(); // not every file system knows
      this.file = file;
    } catch (error) {
      await file.close();
      throw error;
    }
    this.finish();
  }

  /** Appends whole lines. With `sync` it resolves when the disk has them. Throws what the file system throws; nothing of the lines is left in the file then. */
  async write(lines: Buffer, sync: boolean): Promise<void> {
    if (this.file === null || !this.isInPlace()) await this.open();
    if (this.isFull(lines.length)) await this.rotate();
    const file = this.file!;
    try {
      for (let done = 0; done < lines.length;) {
        done += (await file.write(lines, done, lines.length - done)).bytesWritten;
      }
      if (sync) await file.datasync();
    } catch (error) {
      await file.truncate(this.bytes);
      throw error;
    }
    this.bytes += lines.length;
  }

  /** Closes the file, and waits for rotated ones to be compressed. */
  async close(): Promise<void> {
    const { file } = this;
    this.file = null;
    await file?.close();
    await this.finishing;
  }

  private isFull(more: number): boolean {
    const { maxBytes, maxAgeMs } = this.options;
    if (this.bytes === 0) return false;
    return this.bytes + more > maxBytes || (maxAgeMs > 0 && Date.now() - this.bornMs > maxAgeMs);
  }

  private isInPlace(): boolean {
    return statSync(this.options.path, { throwIfNoEntry: false })?.ino === this.inode;
  }

  private async rotate(): Promise<void> {
    const { path } = this.options;
    const { file } = this;
    this.file = null;
    await file?.close();
    const { backup, ms } = backupPath(path, this.rotatedMs);
    this.rotatedMs = ms;
    await rename(path, backup);
    await this.open();
  }

  /** Compresses and deletes rotated files behind the back of who writes. */
  private finish(): void {
    this.finishing = this.finishing.then(() => finishBackups(this.options)).catch(this.onError);
  }
}

/** Cuts off a line without an end, and returns the size. */
async function cutTail(file: FileHandle, size: number): Promise<number> {
  const tail = Buffer.alloc(TAIL_BYTES);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - TAIL_BYTES);
    await file.read(tail, 0, end - start, start);
    const lineEnd = tail.subarray(0, end - start).lastIndexOf(0x0a);
    if (lineEnd >= 0) {
      const good = start + lineEnd + 1;
      if (good < size) await file.truncate(good);
      return good;
    }
    end = start;
  }
  if (size > 0) await file.truncate(0);
  return 0;
}
