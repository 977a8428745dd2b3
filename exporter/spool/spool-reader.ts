import { type FileHandle, open } from 'node:fs/promises';
import type { FrameRun } from '../../proto/flow/frame.ts';
import { orAborted } from '../wait.ts';
import { type Chunk, CHUNK_BYTES, ChunkPool } from './chunk-pool.ts';
import type { Position, StoredPosition } from './position-file.ts';
import { splitPayload } from './read-records.ts';
import {
  crcOf,
  decodeRecordHeader,
  findRecordHeader,
  MAX_RECORD_BYTES,
  RECORD_HEADER_BYTES,
  type RecordHeader,
} from './record.ts';
import type { Segment } from './segment.ts';

/** Frames that a reader will never get, by cause. */
export interface SpoolLosses {
  /** Given up for newer ones, the spool being full. */
  spool_full: number;
  /** Damaged on disk. */
  spool_damaged: number;
}

/** What comes next from the spool. */
export interface SpoolRecord {
  /** To be looked at until the record is acknowledged: its memory is used again then. */
  readonly frames: FrameRun;
  /** Whose frames they are. */
  readonly chunk: Chunk;
  /** Number of the first frame. */
  readonly first: number;
  readonly maxTimeUs: number;
  /** Where a reader stands that is through with it. */
  readonly end: Position;
  /** What was lost between the record before and this one. */
  readonly losses: Readonly<SpoolLosses>;
}

/** The spool as a reader sees it. */
export interface SpoolFiles {
  readonly end: number;
  readonly appending: Promise<void>;
  segmentAt(first: number): Segment | undefined;
  segmentAfter(first: number): Segment | undefined;
  released(): void;
}

/** How much may be sent again after a crash: what was acknowledged within this time. */
const STORE_MS = 200;

/** One sink's way through the spool. `next` goes ahead; `ack` follows, in the same order, and is what a restart goes on from. */
export class SpoolReader {
  /** Losses since the reader first began, those that are not acknowledged yet included. */
  readonly lost: SpoolLosses;
  private readonly spool: SpoolFiles;
  private readonly store: (next: StoredPosition, sync: boolean) => boolean;
  private cursor: Position;
  private stored: StoredPosition;
  private isDirty = false;
  private isSynced = true;
  private readonly storeTimer: NodeJS.Timeout;
  private pending: SpoolLosses = { spool_full: 0, spool_damaged: 0 };
  private file: { readonly segment: number; readonly handle: FileHandle } | null = null;
  private readonly pool = new ChunkPool();
  /** Of the cursor's segment. */
  private chunk: Chunk = noChunk();

  constructor(
    spool: SpoolFiles,
    stored: StoredPosition,
    store: (next: StoredPosition, sync: boolean) => boolean,
  ) {
    this.spool = spool;
    this.stored = stored;
    this.store = store;
    this.cursor = stored.position;
    const { spool_full = 0, spool_damaged = 0 } = stored.counts;
    this.lost = { spool_full, spool_damaged };
    this.storeTimer = setInterval(() => this.storeNow(), STORE_MS).unref();
  }

  /** Number of the next frame that is not acknowledged. */
  get acked(): number {
    return this.stored.position.frame;
  }

  /** Counted until there, over all restarts. */
  get counts(): Readonly<Record<string, number>> {
    return this.stored.counts;
  }

  /** Frames in the spool that were not read yet. */
  get waiting(): number {
    return this.spool.end - this.cursor.frame;
  }

  /** The next record, when there is one. Null once `signal` has aborted. Throws Error when the disk does. Not to be called again before it has resolved. */
  async next(signal: AbortSignal): Promise<SpoolRecord | null> {
    while (!signal.aborted) {
      const { appending } = this.spool; // before looking, lest the one that matters is missed
      const segment = this.locate();
      if (segment !== undefined && this.cursor.offset < segment.bytes) {
        const record = await this.read(segment);
        if (record !== null) return record;
      } else if (segment === undefined || !this.moveOn(segment)) {
        await orAborted(appending, signal);
      }
    }
    return null;
  }

  /** Notes that everything up to the end of a record is dealt with, and what came of it. In the order in which records came. */
  ack(record: SpoolRecord, counts: Readonly<Record<string, number>>): void {
    const sums: Record<string, number> = { ...this.stored.counts };
    for (const [name, count] of [...Object.entries(counts), ...Object.entries(record.losses)]) {
      if (count !== 0) sums[name] = (sums[name] ?? 0) + count;
    }
    this.stored = { position: record.end, counts: sums };
    this.pool.release(record.chunk);
    this.isDirty = true;
    this.spool.released();
  }

  /** Gives the memory of a record back that cannot be acknowledged yet. What is returned is to be acknowledged in its place. */
  detach(record: SpoolRecord): SpoolRecord {
    this.pool.release(record.chunk);
    const { count } = record.frames;
    const frames = { bytes: new Uint8Array(0), offsets: new Uint32Array(0), count };
    return { ...record, frames, chunk: noChunk() };
  }

  /** Told by the spool that segments before this one are gone: what was not read of them is lost. */
  skipTo(oldest: Segment): void {
    if (this.cursor.frame >= oldest.first) return;
    this.addLoss('spool_full', oldest.first - this.cursor.frame);
    this.moveTo({ segment: oldest.first, offset: 0, frame: oldest.first });
  }

  /** Stores the position if it is not stored yet; with `sync`, so that it survives a power failure. */
  storeNow(sync = false): void {
    if (!this.isDirty && (!sync || this.isSynced)) return;
    this.isDirty = !this.store(this.stored, sync);
    this.isSynced = sync && !this.isDirty;
  }

  /** Stores the position. `next` is to have ended before. */
  close(): void {
    clearInterval(this.storeTimer);
    this.storeNow();
    const { file } = this;
    this.file = null;
    void file?.handle.close();
  }

  private addLoss(cause: keyof SpoolLosses, frames: number): void {
    this.lost[cause] += frames;
    this.pending[cause] += frames;
  }

  private moveTo(position: Position): void {
    this.cursor = position;
    this.replaceChunk(noChunk());
  }

  /** The segment that the cursor is in. One that was deleted while nobody read is a loss. */
  private locate(): Segment | undefined {
    const segment = this.spool.segmentAt(this.cursor.segment);
    if (segment !== undefined) return segment;
    const next = this.spool.segmentAfter(this.cursor.segment);
    if (next === undefined) return undefined;
    this.skipTo(next);
    this.moveTo({ segment: next.first, offset: 0, frame: next.first });
    return next;
  }

  /** Goes to the next segment; false when there is none. */
  private moveOn(segment: Segment): boolean {
    const next = this.spool.segmentAfter(segment.first);
    if (next === undefined) return false;
    if (next.first > this.cursor.frame) this.addLoss('spool_damaged', next.first - this.cursor.frame);
    this.moveTo({ segment: next.first, offset: 0, frame: next.first });
    return true;
  }

  /** Reads the record at the cursor. Null when it was none, or when the cursor was moved meanwhile: look again. */
  private async read(segment: Segment): Promise<SpoolRecord | null> {
    const { cursor } = this;
    if (!(await this.fill(segment, RECORD_HEADER_BYTES))) return null;
    const header = decodeRecordHeader(this.chunk.bytes, cursor.offset - this.chunk.start);
    const recordBytes = RECORD_HEADER_BYTES + (header?.payloadBytes ?? 0);
    if (header === null || cursor.offset + recordBytes > segment.bytes) {
      await this.skipDamage(segment);
      return null;
    }
    if (!(await this.fill(segment, recordBytes)) || this.cursor !== cursor) return null;
    return this.take(header);
  }

  private take(header: RecordHeader): SpoolRecord | null {
    const { cursor, chunk } = this;
    const start = cursor.offset - chunk.start + RECORD_HEADER_BYTES;
    const payload = chunk.bytes.subarray(start, start + header.payloadBytes);
    // Frames that a damaged record before this one held.
    if (header.first > cursor.frame) this.addLoss('spool_damaged', header.first - cursor.frame);
    this.cursor = {
      segment: cursor.segment,
      offset: cursor.offset + RECORD_HEADER_BYTES + header.payloadBytes,
      frame: header.first + header.count,
    };
    const frames = crcOf([payload]) === header.payloadCrc ? splitPayload(payload, header.count) : null;
    if (frames === null) {
      this.addLoss('spool_damaged', header.count);
      return null;
    }
    const losses = this.pending;
    this.pending = { spool_full: 0, spool_damaged: 0 };
    chunk.users++;
    return { frames, chunk, first: header.first, maxTimeUs: header.maxTimeUs, end: this.cursor, losses };
  }

  /** Has `bytes` from the cursor on in the chunk, with what follows if it fits. False when the cursor was moved meanwhile. */
  private async fill(segment: Segment, bytes: number): Promise<boolean> {
    const { cursor } = this;
    const from = cursor.offset - this.chunk.start;
    if (from >= 0 && from + bytes <= this.chunk.bytes.length) return true;
    const wanted = Math.min(Math.max(bytes, CHUNK_BYTES), segment.bytes - cursor.offset);
    let handle: FileHandle;
    try {
      handle = await this.open(segment);
    } catch (error) {
      if (this.cursor !== cursor) return false; // deleted under our hands, and counted
      throw error;
    }
    const memory = this.pool.take(wanted);
    let filled = 0;
    while (filled < wanted) {
      const { bytesRead } = await handle.read(memory, filled, wanted - filled, cursor.offset + filled);
      if (bytesRead === 0)
        throw new Error(`${segment.path} ends at ${cursor.offset + filled} of ${segment.bytes} bytes`);
      filled += bytesRead;
    }
    if (this.cursor !== cursor) return false;
    this.replaceChunk({ bytes: memory.subarray(0, wanted), start: cursor.offset, memory, users: 1 });
    return true;
  }

  private replaceChunk(chunk: Chunk): void {
    this.pool.release(this.chunk);
    this.chunk = chunk;
  }

  private async open(segment: Segment): Promise<FileHandle> {
    if (this.file?.segment === segment.first) return this.file.handle;
    await this.file?.handle.close();
    this.file = null;
    const handle = await open(segment.path, 'r');
    this.file = { segment: segment.first, handle };
    return handle;
  }

  /** Moves the cursor to the next readable header, or to the segment's end. What lay between is counted when the next frame's number is known. */
  private async skipDamage(segment: Segment): Promise<void> {
    const { cursor } = this;
    const wanted = Math.min(2 * MAX_RECORD_BYTES, segment.bytes - cursor.offset);
    if (!(await this.fill(segment, wanted)) || this.cursor !== cursor) return;
    const found = findRecordHeader(this.chunk.bytes, cursor.offset - this.chunk.start + 1);
    const offset = found >= 0 ? this.chunk.start + found : cursor.offset + wanted;
    this.moveTo({ ...cursor, offset });
  }
}

function noChunk(): Chunk {
  const nothing = Buffer.alloc(0);
  return { bytes: nothing, start: 0, memory: nothing, users: 1 };
}
