import { mkdirSync, unlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FrameRun } from '../../proto/flow/frame.ts';
import { type Position, readPositionFile, writePositionFile } from './position-file.ts';
import { orAborted, pause } from '../wait.ts';
import { crcOf, encodeRecordHeader, MAX_RECORD_BYTES, RECORD_HEADER_BYTES } from './record.ts';
import { newSegment, openSegments, type Segment } from './segment.ts';
import { lockSpool } from './spool-lock.ts';
import { readRecordsSince } from './read-records.ts';
import { segmentBytesOf, type SpoolBatch, type SpoolBounds, type SpoolOptions } from './spool-options.ts';
import { SpoolReader } from './spool-reader.ts';
import { readSpoolState, type SpoolState, writeSpoolState } from './spool-state.ts';

const RETRY_MS = 1000;
/** How much of a count may be lost in a crash: what was counted within this time. */
const STORE_MS = 1000;
const STATE_FILE = 'state.json';

/**
 * Frames on disk until every reader has acknowledged them: append-only segments, one writer, readers with stored positions. An append that has resolved survives the death
 * of the process; see `syncMs` for that of the machine. Close it.
 */
export class Spool {
  /** Frames not taken because the spool was full (drop-newest), since it was made. */
  droppedNewest: number;
  /** Failed writes (a full disk, for one), each tried again. */
  writeErrors = 0;
  /** Whether an append waits for room right now (stop), or for the disk. */
  isHeld = false;
  /** When the spool was made, in µs since 1970. */
  readonly startedUs: number;
  private options: SpoolOptions;
  private readonly lock: { close(): void };
  private readonly segments: Segment[];
  private segmentBytes: number;
  private file: FileHandle;
  private readonly readers = new Map<string, SpoolReader>();
  private wake = Promise.withResolvers<void>();
  private room = Promise.withResolvers<void>();
  private syncTimer: NodeJS.Timeout | undefined;
  private syncing: Promise<void> = Promise.resolve();
  private newestUs: number;
  private stateTimer: NodeJS.Timeout | undefined;

  private constructor(
    options: SpoolOptions,
    lock: { close(): void },
    segments: Segment[],
    file: FileHandle,
    { startedUs, newestUs, droppedNewest }: SpoolState,
  ) {
    this.options = options;
    this.lock = lock;
    this.segments = segments;
    this.file = file;
    this.segmentBytes = segmentBytesOf(options);
    this.startedUs = startedUs;
    this.droppedNewest = droppedNewest;
    this.newestUs = Math.max(...segments.map(({ maxTimeUs }) => maxTimeUs));
    if (this.newestUs === Number.NEGATIVE_INFINITY && newestUs > 0) this.newestUs = newestUs;
  }

  /** Opens the spool of a directory, which is made when missing; cuts off what was not written whole. Throws Error when another process has it, or the disk refuses. */
  static async open(options: SpoolOptions): Promise<Spool> {
    mkdirSync(options.directory, { recursive: true, mode: 0o750 });
    const lock = await lockSpool(options.directory);
    try {
      const segments = openSegments(options.directory, options.log);
      const statePath = join(options.directory, STATE_FILE);
      const state = readSpoolState(statePath) ?? {
        startedUs: Date.now() * 1000,
        newestUs: 0,
        droppedNewest: 0,
      };
      writeSpoolState(statePath, state);
      return new Spool(options, lock, segments, await open(segments.at(-1)!.path, 'a'), state);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Number that the next frame gets: how many were ever written here. */
  get end(): number {
    return this.active.end;
  }

  /** Latest time of a frame that was ever written, in µs; -Infinity before the first. */
  get newestTimeUs(): number {
    return this.newestUs;
  }

  private get active(): Segment {
    return this.segments.at(-1)!;
  }

  /**
   * The reader of a name, at its stored position. A new one begins at the end of the spool; one whose position cannot be read, at its beginning, so that nothing is left out.
   * One reader of a name at a time: one from before is closed.
   */
  reader(name: string): SpoolReader {
    this.readers.get(name)?.close();
    const path = join(this.options.directory, `${name}.position.json`);
    let stored;
    try {
      stored = readPositionFile(path);
    } catch (error) {
      const [{ first }] = this.segments;
      this.options.log('warn', (error as Error).message, { sink: name, startsAt: first });
      stored = { position: { segment: first, offset: 0, frame: first }, counts: {} };
    }
    const end: Position = { segment: this.active.first, offset: this.active.bytes, frame: this.end };
    stored ??= { position: end, counts: {} };
    // Beyond the end: the machine died before the spool's last records reached the disk.
    if (stored.position.frame > end.frame) stored = { ...stored, position: end };
    const reader = new SpoolReader(this, stored, (next, sync) =>
      this.tryTo('store a position', () => writePositionFile(path, next, sync)),
    );
    writePositionFile(path, stored, true);
    this.readers.set(name, reader);
    return reader;
  }

  /** A reader of this name is wanted no more: what only it needs is kept no longer. It is to have ended before. */
  forget(name: string): void {
    this.readers.get(name)?.close();
    if (this.readers.delete(name)) this.released();
  }

  /** Changes the bounds at work. A smaller size is reached as the policy says, at the next append. */
  setBounds(bounds: SpoolBounds): void {
    const { maxBytes, whenFull, syncMs, retainUs } = bounds;
    this.options = { ...this.options, maxBytes, whenFull, syncMs, retainUs };
    this.segmentBytes = segmentBytesOf(bounds);
    this.released();
  }

  /**
   * Writes a batch as one record. Resolves true when it is written (and synced, where syncMs is 0), false when it was given up because the spool is full (drop-newest: counted) or
   * because `signal` aborted while it waited for room. One append at a time.
   */
  async append(batch: SpoolBatch, signal: AbortSignal): Promise<boolean> {
    const payloadBytes = batch.pieces.reduce((sum, { length }) => sum + length, 0);
    if (payloadBytes > MAX_RECORD_BYTES) {
      throw new RangeError(`record of ${payloadBytes} bytes: expected at most ${MAX_RECORD_BYTES}`);
    }
    const needed = RECORD_HEADER_BYTES + payloadBytes;
    const payloadCrc = crcOf(batch.pieces);
    try {
      while (!signal.aborted) {
        if (!(await this.makeRoom(needed, signal))) return this.giveUp(batch, signal);
        const header = encodeRecordHeader({ ...batch, payloadBytes, first: this.end, payloadCrc });
        if (await this.write([header, ...batch.pieces], needed)) {
          this.appended(batch, needed);
          if (this.options.syncMs === 0) await this.sync();
          return true;
        }
        if (this.options.whenFull === 'drop-newest') return this.giveUp(batch, signal);
        if (this.options.whenFull === 'drop-oldest' && this.segments.length > 1) {
          this.deleteOldest();
        } else {
          this.isHeld = true;
          await pause(RETRY_MS, signal);
        }
      }
      return false;
    } finally {
      this.isHeld = false;
    }
  }

  /** Has the disk take everything that was appended. */
  async sync(): Promise<void> {
    clearTimeout(this.syncTimer);
    this.syncTimer = undefined;
    // One that failed was told to who asked for it.
    this.syncing = this.syncing.catch(() => {}).then(() => this.file.datasync());
    await this.syncing;
  }

  /** The segment that begins with a frame's number, or undefined when it is gone. Its `bytes` only grow. */
  segmentAt(first: number): Segment | undefined {
    return this.segments.find((segment) => segment.first === first);
  }

  /** The segment behind one, or the oldest one behind a number. */
  segmentAfter(first: number): Segment | undefined {
    return this.segments.find((segment) => segment.first > first);
  }

  /** Records that may hold frames of this time or later, in order; damaged ones are left out. Not while something is appended. */
  async *framesSince(timeUs: number): AsyncGenerator<FrameRun> {
    for (const segment of this.segments.filter(({ maxTimeUs }) => maxTimeUs >= timeUs)) {
      yield* readRecordsSince(segment, timeUs);
    }
  }

  /** Resolves at the next append. */
  get appending(): Promise<void> {
    return this.wake.promise;
  }

  /** To be called when a reader has moved on: deletes segments that nobody needs any more. */
  released(): void {
    const keepUs = this.newestUs - this.options.retainUs;
    while (this.isDone(this.segments[0]) && this.segments[0].maxTimeUs < keepUs) this.deleteOldest();
    this.room.resolve();
    this.room = Promise.withResolvers();
  }

  /** Stores positions, syncs and closes. Readers wait no more. */
  async close(): Promise<void> {
    // They stay known, lest what they still need counts as done.
    for (const reader of this.readers.values()) reader.close();
    clearTimeout(this.syncTimer);
    await this.sync().catch((error: Error) => this.failed('cannot sync the spool', error));
    this.storeState();
    await this.file.close();
    this.lock.close();
  }

  /** A batch that is not taken: counted, unless the process is ending, for then it will come again. */
  private giveUp({ count }: SpoolBatch, signal: AbortSignal): false {
    if (signal.aborted) return false;
    this.droppedNewest += count;
    this.stateTimer ??= setTimeout(() => this.storeState(), STORE_MS);
    return false;
  }

  private storeState(): void {
    clearTimeout(this.stateTimer);
    this.stateTimer = undefined;
    const { startedUs, droppedNewest } = this;
    const state = { startedUs, droppedNewest, newestUs: Math.max(0, this.newestUs) };
    this.tryTo("store the spool's state", () =>
      writeSpoolState(join(this.options.directory, STATE_FILE), state),
    );
  }

  /** Small files are stored as well as it goes: where the disk is full, room has to be made all the same. */
  private tryTo(what: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.failed(`cannot ${what}`, error as Error);
      return false;
    }
  }

  private appended(batch: SpoolBatch, bytes: number): void {
    const { active } = this;
    active.bytes += bytes;
    active.end += batch.count;
    active.maxTimeUs = Math.max(active.maxTimeUs, batch.maxTimeUs);
    this.newestUs = Math.max(this.newestUs, batch.maxTimeUs);
    this.wake.resolve();
    this.wake = Promise.withResolvers();
    if (this.options.syncMs > 0) this.syncTimer ??= setTimeout(() => this.syncLater(), this.options.syncMs);
  }

  private syncLater(): void {
    this.sync().catch((error: Error) => this.failed('cannot sync the spool', error));
  }

  /** False: the disk refused, and the segment is as it was before. */
  private async write(pieces: readonly Uint8Array[], bytes: number): Promise<boolean> {
    const { active } = this;
    try {
      let { bytesWritten } = await this.file.writev(pieces);
      if (bytesWritten < bytes) {
        // A short write: the rest tells why, or goes through.
        const whole = Buffer.concat(pieces);
        while (bytesWritten < bytes) {
          bytesWritten += (await this.file.write(whole, bytesWritten)).bytesWritten;
        }
      }
      return true;
    } catch (error) {
      this.failed('cannot write to the spool', error as Error);
      await this.file.truncate(active.bytes);
      return false;
    }
  }

  private failed(what: string, error: Error): void {
    this.writeErrors++;
    this.options.log('warn', what, { error: error.message });
  }

  /** Rolls the segment when it is full, then makes room as the policy says. False: none was made. */
  private async makeRoom(needed: number, signal: AbortSignal): Promise<boolean> {
    if (this.active.bytes > 0 && this.active.bytes + needed > this.segmentBytes) await this.roll();
    while (this.bytes + needed > this.options.maxBytes) {
      if (this.isDone(this.segments[0])) {
        this.deleteOldest();
      } else if (this.options.whenFull === 'drop-oldest' && this.segments.length > 1) {
        this.deleteOldest();
      } else if (this.options.whenFull === 'stop') {
        this.isHeld = true;
        await orAborted(this.room.promise, signal);
        if (signal.aborted) return false;
      } else {
        return false;
      }
    }
    return true;
  }

  /** Begins a new segment. Where the disk does not let it, the old one grows on. */
  private async roll(): Promise<void> {
    try {
      await this.sync();
      const segment = newSegment(this.options.directory, this.end);
      const file = await open(segment.path, 'a');
      await this.file.close();
      this.file = file;
      this.segments.push(segment);
      this.storeState();
    } catch (error) {
      this.failed('cannot begin a new segment of the spool', error as Error);
    }
  }

  /** Whether a segment is closed and every reader is through with it. */
  private isDone(segment: Segment): boolean {
    if (this.readers.size === 0) return false; // nobody was there yet
    return segment !== this.active && [...this.readers.values()].every(({ acked }) => acked >= segment.end);
  }

  private deleteOldest(): void {
    const [oldest] = this.segments.splice(0, 1);
    // Lest a position that is older on disk than here finds its segment gone, and takes for lost what was delivered.
    for (const reader of this.readers.values()) reader.storeNow(true);
    unlinkSync(oldest.path);
    for (const reader of this.readers.values()) reader.skipTo(this.segments[0]);
  }
}
