import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
  writevSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';
import { BLOCK_HEADER_BYTES, compress, encodeBlockHeader } from '../format/block.ts';
import { type SegmentName, segmentPath } from '../format/segment-name.ts';
import { encodeSegmentSummary } from '../format/segment-summary.ts';
import type { FrameFacts } from './frame-facts.ts';
import { IndexBuilder } from './index-builder.ts';

/** Writes all of some pieces at the end of a file. Throws what the file system throws. */
function writeAll(file: number, pieces: readonly Uint8Array[]): number {
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  let written = writevSync(file, pieces);
  if (written < bytes) {
    // A short write: the rest tells why, or goes through.
    const whole = Buffer.concat(pieces);
    while (written < bytes) written += writeSync(file, whole, written);
  }
  return bytes;
}

/**
 * The index files of a segment while they are made: `.col` and `.dict` group by group, `.sum` at the end. They are no truth: when the disk refuses one of them all are given up,
 * and made anew from the log another time.
 */
export class IndexFiles {
  bytes = 0;
  private readonly name: SegmentName;
  private readonly suffix: string;
  private readonly builder = new IndexBuilder();
  private readonly groups: { offset: number; summaryBytes: Uint8Array }[] = [];
  private readonly files: { col: number; dict: number };
  private colBytes = 0;
  private isBroken = false;

  /** @param suffix of the files' names until they are finished: empty for those of the segment that is being written, which readers use at once */
  constructor(name: SegmentName, suffix: '' | '.tmp') {
    this.name = name;
    this.suffix = suffix;
    const open = (file: 'col' | 'dict'): number => openSync(segmentPath(name, file) + suffix, 'w', 0o640);
    this.files = { col: open('col'), dict: open('dict') };
  }

  /** Adds a block of the log. */
  add(frames: Uint8Array, facts: FrameFacts, place: { offset: number; end: number; firstSeq: number }): void {
    if (this.isBroken) return;
    this.builder.add(frames, facts, place);
    if (this.builder.isFull) this.finishGroup();
  }

  /** Writes the last group and `.sum`, and closes. Whether the index is whole. */
  seal(totals: Parameters<typeof encodeSegmentSummary>[0]): boolean {
    if (!this.isBroken && this.builder.rows > 0) this.finishGroup();
    this.close();
    if (this.isBroken) return false;
    try {
      const path = segmentPath(this.name, 'sum');
      const content = encodeSegmentSummary(totals, this.groups);
      const file = openSync(`${path}.tmp`, 'w', 0o640);
      try {
        writeAll(file, [content]);
      } finally {
        closeSync(file);
      }
      if (this.suffix !== '') {
        for (const kind of ['dict', 'col'] as const) {
          renameSync(segmentPath(this.name, kind) + this.suffix, segmentPath(this.name, kind));
        }
      }
      renameSync(`${path}.tmp`, path);
      this.bytes += content.length;
      return true;
    } catch {
      this.giveUp();
      return false;
    }
  }

  close(): void {
    for (const file of Object.values(this.files)) closeSync(file);
  }

  private finishGroup(): void {
    const { dictionary, columns, summaryBytes } = this.builder.finish();
    try {
      // The entries first: a group must not use numbers that nobody knows.
      if (dictionary !== null) this.bytes += writeAll(this.files.dict, [dictionary]);
      const offset = this.colBytes;
      const bytes = writeAll(this.files.col, columns);
      this.colBytes += bytes;
      this.bytes += bytes;
      this.groups.push({ offset, summaryBytes });
    } catch {
      this.giveUp();
    }
  }

  private giveUp(): void {
    this.isBroken = true;
    this.bytes = 0;
    for (const kind of ['sum', 'col', 'dict'] as const) {
      rmSync(segmentPath(this.name, kind) + (kind === 'sum' ? '.tmp' : this.suffix), { force: true });
    }
  }
}

/** The segment that is being written. */
export class SegmentWriter {
  readonly name: SegmentName;
  readonly openedMs = Date.now();
  endSeq: number;
  rawBytes = 0;
  minTimeUs = Number.POSITIVE_INFINITY;
  maxTimeUs = Number.NEGATIVE_INFINITY;
  private readonly file: number;
  private readonly index: IndexFiles;

  /** Makes the files. Throws what the file system throws. */
  constructor(name: SegmentName) {
    this.name = name;
    this.endSeq = name.firstSeq;
    this.file = openSync(segmentPath(name, 'raw'), 'wx', 0o640);
    try {
      this.index = new IndexFiles(name, '');
    } catch (error) {
      closeSync(this.file);
      rmSync(segmentPath(name, 'raw'), { force: true });
      throw error;
    }
  }

  /** Size of all files. */
  get bytes(): number {
    return this.rawBytes + this.index.bytes;
  }

  /** Writes frames as one block. Throws what the file system throws; the log is as it was before then. */
  append(frames: Uint8Array, facts: FrameFacts, firstSeq: number): void {
    const payload = compress(frames);
    const header = encodeBlockHeader({
      payloadBytes: payload.length,
      payloadCrc: crc32(payload),
      frameBytes: frames.length,
      entries: facts.count,
      flows: facts.flows,
      firstSeq,
      minTimeUs: facts.minTimeUs,
      maxTimeUs: facts.maxTimeUs,
    });
    try {
      writeAll(this.file, [header, payload]);
    } catch (error) {
      ftruncateSync(this.file, this.rawBytes);
      throw error;
    }
    const offset = this.rawBytes;
    this.rawBytes += BLOCK_HEADER_BYTES + payload.length;
    this.endSeq = firstSeq + facts.count;
    this.minTimeUs = Math.min(this.minTimeUs, facts.minTimeUs);
    this.maxTimeUs = Math.max(this.maxTimeUs, facts.maxTimeUs);
    this.index.add(frames, facts, { offset, end: this.rawBytes, firstSeq });
  }

  /** Has the disk take what was written. Throws what the file system throws. */
  sync(): void {
    fdatasyncSync(this.file);
  }

  /** Finishes all files and closes them. Throws what the file system throws of the log. */
  seal(): void {
    const { endSeq, minTimeUs, maxTimeUs, rawBytes, name } = this;
    try {
      this.sync();
    } finally {
      closeSync(this.file);
      this.index.seal({ firstSeq: name.firstSeq, endSeq, minTimeUs, maxTimeUs, rawBytes });
    }
  }
}
