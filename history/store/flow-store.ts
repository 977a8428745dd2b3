import { mkdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { lockDirectory } from '../log/directory-lock.ts';
import { BLOCK_BYTES, MAX_BLOCK_ENTRIES } from './format/block.ts';
import { StoreQueries } from './query/store-queries.ts';
import type { FromWriter, ToWriter } from './write/store-messages.ts';
import type { StoreBounds, StoreLog, StoreState } from './write/store-writer.ts';

export type { StoreLog, StoreState } from './write/store-writer.ts';

/** Where and how much to keep. */
export interface FlowStoreOptions extends StoreBounds {
  /** Bytes that may wait for the disk; what comes beyond is lost to the store. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  readonly log: StoreLog;
  /** Told of flows that are not stored, and why. */
  readonly onLost: (flows: number, why: string) => void;
}

const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
/** A block is written when it is full or has waited for so long. */
const FLUSH_MS = 1000;
/** Buffers kept for the next blocks. */
const MAX_SPARE = 4;

/**
 * Flows on disk, for queries long after the ring has overwritten them. Frames are given as they are on the wire; a thread compresses, indexes and writes them. One process writes to
 * a directory; any number may read it (StoreQueries). Close it.
 */
export class FlowStore {
  readonly queries: StoreQueries;
  private readonly options: FlowStoreOptions;
  private readonly lock: { close(): void };
  private readonly worker: Worker;
  private storeState: StoreState;
  private buffer: Uint8Array<ArrayBuffer> = new Uint8Array(BLOCK_BYTES);
  private used = 0;
  private entries = 0;
  private firstSeq: number;
  private writtenSeq: number;
  private queuedBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly spare: ArrayBuffer[] = [];
  private wake = Promise.withResolvers<void>();
  private hasFailed = false;
  private stopped = Promise.withResolvers<void>();

  private constructor(options: FlowStoreOptions, lock: { close(): void }, worker: Worker, state: StoreState) {
    this.options = options;
    this.lock = lock;
    this.worker = worker;
    this.storeState = state;
    this.firstSeq = state.endSeq;
    this.writtenSeq = state.endSeq;
    this.queries = new StoreQueries(options.directory, (firstSeqs) =>
      this.post({ kind: 'repair', firstSeqs }),
    );
    worker.on('message', (message: FromWriter) => this.receive(message));
    worker.on('error', (error) => this.failed((error as Error).message));
    worker.once('exit', () => this.stopped.resolve());
  }

  /** Opens the store of a directory, which is made when missing. Throws Error when another process writes to it, or the disk refuses. */
  static async open(options: FlowStoreOptions): Promise<FlowStore> {
    const { directory, maxBytes, maxAgeMs, log } = options;
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    const inUse = `another process keeps flows in ${directory}: stop it first, or give this one another directory`;
    const lock = await lockDirectory(directory, 'store', inUse);
    const workerData: StoreBounds = { directory, maxBytes, maxAgeMs };
    const worker = new Worker(new URL('./write/writer-thread.ts', import.meta.url), {
      workerData,
      name: 'history store',
    });
    try {
      const state = await new Promise<StoreState>((resolve, reject) => {
        worker.on('message', (message: FromWriter) => {
          if (message.kind === 'log') log(message.level, message.message, message.fields);
          if (message.kind === 'ready') resolve(message.state);
          if (message.kind === 'failed') {
            reject(new Error(`cannot open the flow store ${directory}: ${message.message}`));
          }
        });
        worker.once('error', reject);
      });
      worker.removeAllListeners('message');
      worker.removeAllListeners('error');
      return new FlowStore(options, lock, worker, state);
    } catch (error) {
      await worker.terminate();
      lock.close();
      throw error;
    }
  }

  /** What is on disk, as of the last block. */
  get state(): StoreState {
    return this.storeState;
  }

  /** Number of the oldest entry on disk. */
  get oldestSeq(): number {
    return this.storeState.oldestSeq;
  }

  /** Number that the next entry gets. */
  get endSeq(): number {
    return this.firstSeq + this.entries;
  }

  /** Entries before this number are on disk, or were lost and told: queries see them. */
  get flushedSeq(): number {
    return this.writtenSeq;
  }

  /** Copies whole frames in, back to back; they are on disk within a second or so. Never waits: what there is no room for is counted, by `onLost`. */
  append(frames: Uint8Array): void {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
    let from = 0;
    let pos = 0;
    while (pos < frames.length) {
      const end = pos + FRAME_PREFIX_BYTES + view.getUint32(pos + 1);
      const isFull = this.used + end - from > this.buffer.length || this.entries === MAX_BLOCK_ENTRIES;
      if (isFull) {
        this.copy(frames, from, pos);
        from = pos;
        this.flush();
      }
      this.entries++;
      pos = end;
    }
    this.copy(frames, from, pos);
    if (this.entries > 0) this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  private copy(frames: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    // A frame larger than a block has one of its own.
    if (to - from > this.buffer.length) this.buffer = new Uint8Array(to - from);
    this.buffer.set(frames.subarray(from, to), this.used);
    this.used += to - from;
  }

  /** Gives what has come so far to the disk at once. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { buffer, used, entries, firstSeq } = this;
    if (entries === 0) return;
    this.firstSeq = firstSeq + entries;
    this.used = 0;
    this.entries = 0;
    const { maxQueuedBytes = MAX_QUEUED_BYTES } = this.options;
    if (this.hasFailed || (this.queuedBytes > 0 && this.queuedBytes + used > maxQueuedBytes)) {
      this.lost(buffer.subarray(0, used), this.hasFailed ? 'its thread died' : 'the disk is too slow');
      return;
    }
    this.queuedBytes += used;
    this.buffer = new Uint8Array(this.spare.pop() ?? new ArrayBuffer(BLOCK_BYTES));
    this.post({ kind: 'append', buffer: buffer.buffer, bytes: used, firstSeq }, [buffer.buffer]);
  }

  /** Leaves out numbers, of entries that nobody can give any more. */
  skip(entries: number): void {
    this.flush();
    this.firstSeq += entries;
  }

  /** Resolves when the next block is on disk, or can no more be. */
  get changed(): Promise<void> {
    return this.wake.promise;
  }

  private lost(frames: Uint8Array, why: string): void {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
    let flows = 0;
    for (let pos = 0; pos < frames.length; pos += FRAME_PREFIX_BYTES + view.getUint32(pos + 1)) {
      if (isFlowFrame(frames, pos)) flows++;
    }
    this.options.onLost(flows, why);
  }

  /** Writes what is there and ends all threads. */
  async close(): Promise<void> {
    this.flush();
    await this.queries.close();
    if (!this.hasFailed) this.post({ kind: 'stop' });
    await this.stopped.promise;
    this.lock.close();
  }

  private post(message: ToWriter, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  private receive(message: FromWriter): void {
    switch (message.kind) {
      case 'log':
        this.options.log(message.level, message.message, message.fields);
        return;
      case 'appended':
        this.storeState = message.state;
        this.queuedBytes -= message.bytes;
        this.writtenSeq = message.state.endSeq;
        if (!message.isWritten)
          this.lost(new Uint8Array(message.buffer, 0, message.bytes), 'the disk refused it');
        if (message.buffer.byteLength === BLOCK_BYTES && this.spare.length < MAX_SPARE) {
          this.spare.push(message.buffer);
        }
        this.notify();
        return;
      case 'stopped':
        this.storeState = message.state;
        this.writtenSeq = message.state.endSeq;
        return;
      default:
    }
  }

  private notify(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }

  private failed(message: string): void {
    this.hasFailed = true;
    this.options.log('warn', 'the thread of the flow store died: flows are not kept any more', {
      error: message,
    });
    this.notify();
  }
}
