import { mkdirSync, rmSync, statSync } from 'node:fs';
import { listSegments, type SegmentFile, type SegmentName, segmentPath } from '../format/segment-name.ts';
import { readSegmentTotals } from '../format/segment-summary.ts';
import { FrameFacts } from './frame-facts.ts';
import { rebuildIndex } from './rebuild-index.ts';
import { recoverSegment } from './recover-segment.ts';
import { SegmentWriter } from './segment-writer.ts';

/** Bounds of a store. */
export interface StoreBounds {
  readonly directory: string;
  /** Bytes of all files together. */
  readonly maxBytes: number;
  /** Flows older than this may go, whole segments at a time; 0 = only bytes count. */
  readonly maxAgeMs: number;
}

/** Takes what is worth telling an operator. */
export type StoreLog = (
  level: 'info' | 'warn',
  message: string,
  fields: Record<string, string | number>,
) => void;

/** What a store holds, and what it gave up. */
export interface StoreState {
  /** Number of the oldest entry; `endSeq` when there is none. */
  readonly oldestSeq: number;
  /** Number that the next entry gets. */
  readonly endSeq: number;
  readonly bytes: number;
  readonly segments: number;
  /** Roughly when the oldest flow was, in µs; 0 when there is none. */
  readonly oldestTimeUs: number;
  /** Entries of segments that were deleted to keep the bounds, since the start. */
  readonly expired: number;
  /** Writes that the disk refused. */
  readonly writeErrors: number;
}

interface ClosedSegment {
  readonly name: SegmentName;
  bytes: number;
}

const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;
/** What is given up at once is an eighth of the store at most. */
const SEGMENTS = 8;
const MAX_SEGMENT_MS = 60 * 60 * 1000;
/** A process that crashes all the time makes a segment each time. */
const MAX_SEGMENTS = 4096;
const allFiles: readonly SegmentFile[] = ['raw', 'col', 'dict', 'sum'];

/**
 * The one writer of a store's directory; whoever opens it holds the directory's lock. Works synchronously, so it belongs into a thread of its own. A block that was appended
 * survives the death of the process; see `sync` for that of the machine. Each start begins a new segment: what is there is not touched but for a torn end.
 */
export class StoreWriter {
  private readonly bounds: StoreBounds;
  private readonly log: StoreLog;
  private readonly segmentBytes: number;
  private readonly closed: ClosedSegment[];
  /** Segments whose index is to be looked at, and made anew where it is missing. */
  private readonly unchecked: SegmentName[];
  private rebuilding: { readonly segment: SegmentName; readonly steps: Generator<void, number> } | null =
    null;
  private readonly facts = new FrameFacts();
  private active: SegmentWriter | null = null;
  private nextSeq: number;
  private isDirty = false;
  private expired = 0;
  private writeErrors = 0;
  private isRefusing = false;

  private constructor(bounds: StoreBounds, log: StoreLog, closed: ClosedSegment[], nextSeq: number) {
    this.bounds = bounds;
    this.log = log;
    this.segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.floor(bounds.maxBytes / SEGMENTS));
    this.closed = closed;
    this.unchecked = closed.map(({ name }) => name).reverse();
    this.nextSeq = nextSeq;
  }

  /** Opens the store of a directory, which is made when missing. Throws what the file system throws. */
  static open(bounds: StoreBounds, log: StoreLog): StoreWriter {
    mkdirSync(bounds.directory, { recursive: true, mode: 0o750 });
    const names = listSegments(bounds.directory);
    let nextSeq = 0;
    for (let last = names.at(-1); last !== undefined; last = names.at(-1)) {
      const wasClosed = readSegmentTotals(segmentPath(last, 'sum')) !== null;
      const { rawBytes, endSeq, maxTimeUs, tornBytes } = recoverSegment(last);
      if (!wasClosed && rawBytes > 0) {
        log('info', 'the flow store was not closed: of the second before its end some flows may be missing', {
          segment: segmentPath(last, 'raw'),
          end: new Date(maxTimeUs / 1000).toISOString(),
          tornBytes,
        });
      }
      nextSeq = endSeq;
      if (rawBytes > 0) break;
      removeSegment(last);
      names.pop();
    }
    const closed = names.map((name) => ({ name, bytes: sizeOf(name) }));
    const writer = new StoreWriter(bounds, log, closed, nextSeq);
    writer.keepBounds();
    return writer;
  }

  get state(): StoreState {
    const { nextSeq, closed, active, expired, writeErrors } = this;
    const oldest = closed[0]?.name ?? active?.name;
    return {
      oldestSeq: oldest?.firstSeq ?? nextSeq,
      endSeq: nextSeq,
      bytes: this.bytes,
      segments: closed.length + (active === null ? 0 : 1),
      oldestTimeUs: oldest?.firstTimeUs ?? 0,
      expired,
      writeErrors,
    };
  }

  private get bytes(): number {
    return this.closed.reduce((sum, { bytes }) => sum + bytes, this.active?.bytes ?? 0);
  }

  /**
   * Writes whole frames, back to back, as one block: up to BLOCK_BYTES and MAX_BLOCK_ENTRIES, or one frame alone. False when the disk refused it, even after the oldest segment was
   * given up; the flows are lost then, and counting them is up to the caller. Throws WireError for bytes that are no whole frames.
   * @param firstSeq number of the first entry, not below `state.endSeq`; numbers between are of entries that were lost
   */
  append(frames: Uint8Array, firstSeq: number): boolean {
    this.facts.read(frames);
    const isWritten =
      this.tryWrite(frames, firstSeq) || (this.dropOldest() && this.tryWrite(frames, firstSeq));
    this.nextSeq = firstSeq + this.facts.count;
    if (isWritten && this.isRefusing) {
      this.isRefusing = false;
      this.log('info', 'the flow store is written again', { directory: this.bounds.directory });
    }
    this.keepBounds();
    return isWritten;
  }

  private tryWrite(frames: Uint8Array, firstSeq: number): boolean {
    try {
      const { directory } = this.bounds;
      this.active ??= new SegmentWriter({ directory, firstSeq, firstTimeUs: this.facts.minTimeUs });
      this.active.append(frames, this.facts, firstSeq);
      this.isDirty = true;
      const { active } = this;
      if (active.rawBytes >= this.segmentBytes || Date.now() - active.openedMs > MAX_SEGMENT_MS) this.seal();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error; // no word of the disk
      this.writeErrors++;
      if (!this.isRefusing) {
        const { message } = error as Error;
        this.log('warn', 'the flow store cannot be written: flows are lost to it', { error: message });
      }
      this.isRefusing = true;
      return false;
    }
  }

  /** Has the disk take what was written since the last call. */
  sync(): void {
    if (!this.isDirty || this.active === null) return;
    this.isDirty = false;
    try {
      this.active.sync();
    } catch (error) {
      this.writeErrors++;
      this.log('warn', 'the flow store cannot be synced', { error: (error as Error).message });
    }
  }

  /** Deletes what is too old, then looks after one block of the indexes that are missing. Whether there is more to look after. */
  maintain(): boolean {
    if (this.rebuilding !== null) {
      this.step(this.rebuilding);
      return true;
    }
    const segment = this.unchecked.shift();
    if (segment === undefined) return false;
    const isThere = this.closed.some(({ name }) => name.firstSeq === segment.firstSeq);
    if (isThere && readSegmentTotals(segmentPath(segment, 'sum')) === null) this.startRebuild(segment);
    return true;
  }

  /** To be called when a reader found the index of a segment damaged: it is made anew by `maintain`. */
  repair(firstSeq: number): void {
    const segment = this.closed.find(({ name }) => name.firstSeq === firstSeq)?.name;
    if (segment === undefined || this.rebuilding?.segment === segment) return;
    rmSync(segmentPath(segment, 'sum'), { force: true });
    this.unchecked.push(segment);
  }

  private startRebuild(segment: SegmentName): void {
    this.log('info', 'making the index of a segment anew', { segment: segmentPath(segment, 'raw') });
    this.rebuilding = { segment, steps: rebuildIndex(segment) };
  }

  private step({ segment, steps }: NonNullable<StoreWriter['rebuilding']>): void {
    try {
      if (steps.next().done !== true) return;
      const closed = this.closed.find(({ name }) => name === segment);
      if (closed !== undefined) closed.bytes = sizeOf(segment);
    } catch (error) {
      // The log is still there, and readers manage without an index.
      this.log('warn', 'cannot make the index of a segment', { error: (error as Error).message });
    }
    this.rebuilding = null;
  }

  /** Deletes segments until the bounds are kept; never the one that is being written. */
  keepBounds(nowMs: number = Date.now()): void {
    const { maxBytes, maxAgeMs } = this.bounds;
    while (this.closed.length > 0 && (this.bytes > maxBytes || this.closed.length > MAX_SEGMENTS)) {
      this.dropOldest();
    }
    if (maxAgeMs === 0) return;
    const limitUs = (nowMs - maxAgeMs) * 1000;
    // A segment ends where the next one begins.
    const endUs = (): number => (this.closed[1]?.name ?? this.active?.name)?.firstTimeUs ?? Infinity;
    while (this.closed.length > 0 && endUs() < limitUs) this.dropOldest();
  }

  private dropOldest(): boolean {
    const oldest = this.closed.shift();
    if (oldest === undefined) return false;
    if (this.rebuilding?.segment === oldest.name) {
      this.rebuilding.steps.return(0);
      this.rebuilding = null;
    }
    const behind = this.closed[0]?.name.firstSeq ?? this.active?.name.firstSeq ?? this.nextSeq;
    this.expired += behind - oldest.name.firstSeq;
    removeSegment(oldest.name);
    return true;
  }

  private seal(): void {
    const { active } = this;
    if (active === null) return;
    this.active = null;
    this.isDirty = false;
    this.closed.push({ name: active.name, bytes: 0 });
    active.seal();
    this.closed.at(-1)!.bytes = sizeOf(active.name);
  }

  /** Finishes the segment that is being written. */
  close(): void {
    this.rebuilding?.steps.return(0);
    try {
      this.seal();
    } catch (error) {
      this.log('warn', 'the flow store cannot be closed', { error: (error as Error).message });
    }
  }
}

function sizeOf(name: SegmentName): number {
  let bytes = 0;
  for (const file of allFiles)
    bytes += statSync(segmentPath(name, file), { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

function removeSegment(name: SegmentName): void {
  // The log last: without it the others are nothing.
  for (const file of [...allFiles].reverse()) {
    rmSync(segmentPath(name, file), { force: true });
    rmSync(`${segmentPath(name, file)}.tmp`, { force: true });
  }
}
