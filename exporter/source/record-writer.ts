import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import type { SpoolBatch } from '../spool/spool-options.ts';

/** Takes one record; false when it was not taken. */
export type Append = (batch: SpoolBatch, signal: AbortSignal) => Promise<boolean>;

/** A record of this size is written at once; a smaller one after a short wait for more. */
const RECORD_BYTES = 512 * 1024;
const FLUSH_MS = 100;

/** Gathers frames into records for the spool: few and large under load, soon when it is quiet. */
export class RecordWriter {
  private readonly append: Append;
  private readonly signal: AbortSignal;
  private readonly onError: (error: Error) => void;
  private pieces: Uint8Array[] = [];
  private bytes = 0;
  private count = 0;
  private minTimeUs = Number.POSITIVE_INFINITY;
  private maxTimeUs = Number.NEGATIVE_INFINITY;
  private writing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  /** @param onError what an append throws when nobody waits for it */
  constructor(append: Append, signal: AbortSignal, onError: (error: Error) => void) {
    this.append = append;
    this.signal = signal;
    this.onError = onError;
  }

  /**
   * Adds the frames `[from, to)` of a batch. Times of flows count no later than `nowUs`: a node whose clock runs ahead must not move the point from which a stream is resumed past
   * the flows of others.
   */
  add(batch: FlowBatch, from: number, to: number, nowUs: number): void {
    const { bytes, offsets, timesUs } = batch;
    this.pieces.push(bytes.subarray(offsets[from], offsets[to]));
    this.bytes += offsets[to] - offsets[from];
    this.count += to - from;
    for (let i = from; i < to; i++) {
      if (!isFlowFrame(bytes, offsets[i])) continue;
      const timeUs = Math.min(timesUs[i], nowUs);
      if (timeUs < this.minTimeUs) this.minTimeUs = timeUs;
      if (timeUs > this.maxTimeUs) this.maxTimeUs = timeUs;
    }
  }

  /** A promise to wait for before more is added, when enough has gathered for a record. */
  due(): Promise<void> | undefined {
    if (this.bytes >= RECORD_BYTES) return this.flush();
    if (this.count > 0) this.timer ??= setTimeout(() => void this.flush().catch(this.onError), FLUSH_MS);
    return undefined;
  }

  /** Writes what has gathered. Throws what the append throws, from then on always. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  private async write(): Promise<void> {
    if (this.count === 0) return;
    const { pieces, count, minTimeUs, maxTimeUs } = this;
    this.pieces = [];
    this.bytes = 0;
    this.count = 0;
    this.minTimeUs = Number.POSITIVE_INFINITY;
    this.maxTimeUs = Number.NEGATIVE_INFINITY;
    await this.append({ pieces, count, minTimeUs, maxTimeUs }, this.signal);
  }
}
