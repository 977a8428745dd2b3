import { Worker } from 'node:worker_threads';
import { RpcCode, RpcError } from '../../../rpc/index.ts';
import type { Histogram } from './histogram.ts';
import type { FromQueries, QueryRange, QueryResult, QueryTask, ToQueries } from './query-messages.ts';
import type { NewestStart } from './scan.ts';
import type { StoreDamage } from './store-reader.ts';

export type { Histogram } from './histogram.ts';
export type { QueryRange } from './query-messages.ts';
export type { NewestStart } from './scan.ts';
export type { StoreDamage } from './store-reader.ts';

/** A part of an answer: whole frames of a GetFlows stream, back to back. */
export interface StoreChunk {
  readonly frames: Uint8Array;
  /** Flows among them; the others are notices of loss. */
  readonly flows: number;
}

/** Options of every query. */
export interface QueryOptions {
  readonly range?: QueryRange;
  /** Aborts the query: its thread stops working on it at once. */
  readonly signal: AbortSignal;
  /** Told of what cannot be read, as it is found. */
  readonly onDamage?: (damage: StoreDamage) => void;
}

/** Queries at once: what is beyond is refused. */
const MAX_QUERIES = 64;

/** What comes of a query, and who waits for it. */
class PendingQuery {
  readonly chunks: StoreChunk[] = [];
  result: QueryResult | null = null;
  error: Error | null = null;
  private wake = Promise.withResolvers<void>();

  notify(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }

  get changed(): Promise<void> {
    return this.wake.promise;
  }

  get isOver(): boolean {
    return this.result !== null || this.error !== null;
  }
}

/**
 * Queries over a store's directory, answered by a thread that is started when it is first needed, or by `warm`. May be used beside the store's writer or without one. Requests are encoded messages
 * of the API, of which filters (and mask, or keys) count: those that decide on live flows decide here, too. Close it.
 */
export class StoreQueries {
  private readonly directory: string;
  private readonly onDamagedIndex: (firstSeqs: readonly number[]) => void;
  private worker: Worker | null = null;
  private readonly pending = new Map<number, { query: PendingQuery; options: QueryOptions }>();
  private nextId = 1;

  /** @param onDamagedIndex told of segments whose index should be made anew: the writer's `repair` takes that */
  constructor(directory: string, onDamagedIndex: (firstSeqs: readonly number[]) => void = () => {}) {
    this.directory = directory;
    this.onDamagedIndex = onDamagedIndex;
  }

  /** Starts the thread, which takes a good part of a second, before somebody waits for it. */
  warm(): void {
    if (this.worker !== null) return;
    this.worker = this.startWorker();
    this.worker.unref();
  }

  /**
   * Yields the flows that a GetFlowsRequest's filters select, masked as it says, oldest first, `limit` at most (0 = all). The thread is at most two chunks of 256 KiB ahead. Throws
   * RpcError for a request that is not valid or when too many queries run.
   */
  async *flows(request: Uint8Array, limit: number, options: QueryOptions): AsyncGenerator<StoreChunk, void> {
    const { id, query } = this.start({ kind: 'flows', request, limit, range: options.range ?? {} }, options);
    try {
      for (;;) {
        const chunk = query.chunks.shift();
        if (chunk !== undefined) {
          this.post({ kind: 'more', id });
          yield chunk;
        } else if (query.isOver || options.signal.aborted) {
          break;
        } else {
          await query.changed;
        }
      }
      if (query.error !== null) throw query.error;
    } finally {
      this.end(id);
    }
  }

  /** Where the `number` newest flows that a GetFlowsRequest's filters select begin. */
  async newest(request: Uint8Array, number: number, options: QueryOptions): Promise<NewestStart> {
    const result = await this.run({ kind: 'newest', request, number, range: options.range ?? {} }, options);
    return result?.kind === 'newest' ? result.start : { seq: 0, found: 0 };
  }

  /** Rows of an AggregateFlowsRequest's keys and filters, as frames of AggregateFlowsResponse; none when it was aborted. */
  async aggregate(request: Uint8Array, options: QueryOptions): Promise<readonly Uint8Array[]> {
    const result = await this.run({ kind: 'aggregate', request, range: options.range ?? {} }, options);
    return result?.kind === 'aggregate' ? result.frames : [];
  }

  /** Flows that a GetFlowsRequest's filters select per span of time, by verdict. Null when it was aborted. */
  async histogram(request: Uint8Array, bucketMs: number, options: QueryOptions): Promise<Histogram | null> {
    const range = options.range ?? {};
    const result = await this.run({ kind: 'histogram', request, bucketMs, range }, options);
    return result?.kind === 'histogram' ? result.histogram : null;
  }

  /** Ends the thread; queries that run end with an error. */
  async close(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    await worker?.terminate();
    this.failAll('the flow store was closed');
  }

  private async run(task: QueryTask, options: QueryOptions): Promise<QueryResult | null> {
    const { id, query } = this.start(task, options);
    try {
      while (!query.isOver && !options.signal.aborted) await query.changed;
      if (query.error !== null) throw query.error;
      return query.result;
    } finally {
      this.end(id);
    }
  }

  private start(task: QueryTask, options: QueryOptions): { id: number; query: PendingQuery } {
    if (this.pending.size >= MAX_QUERIES) {
      throw new RpcError(
        RpcCode.ResourceExhausted,
        `${MAX_QUERIES} queries of the flow store run, the most that it answers at once`,
      );
    }
    const id = this.nextId++;
    const query = new PendingQuery();
    this.pending.set(id, { query, options });
    options.signal.addEventListener('abort', () => query.notify(), { once: true });
    this.post({ kind: 'start', id, task });
    return { id, query };
  }

  private end(id: number): void {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (pending !== undefined && !pending.query.isOver) this.post({ kind: 'cancel', id });
    // A process need not wait for a thread that has nothing to do.
    if (this.pending.size === 0) this.worker?.unref();
  }

  private post(message: ToQueries): void {
    this.worker ??= this.startWorker();
    this.worker.ref();
    this.worker.postMessage(message);
  }

  private startWorker(): Worker {
    const worker = new Worker(new URL('./query-thread.ts', import.meta.url), {
      workerData: { directory: this.directory },
      name: 'history queries',
    });
    worker.on('message', (message: FromQueries) => this.receive(message));
    worker.on('error', (error) => {
      this.worker = null;
      this.failAll(`the thread that reads the flow store died: ${(error as Error).message}`);
    });
    return worker;
  }

  private receive(message: FromQueries): void {
    const pending = this.pending.get(message.id);
    if (message.kind === 'done' && message.damagedIndexes.length > 0)
      this.onDamagedIndex(message.damagedIndexes);
    if (pending === undefined) return;
    const { query, options } = pending;
    if (message.kind !== 'error') for (const damage of message.damage) options.onDamage?.(damage);
    if (message.kind === 'chunk') query.chunks.push({ frames: message.frames, flows: message.flows });
    else if (message.kind === 'done') query.result = message.result;
    else query.error = new RpcError(RpcCode.Internal, message.message);
    query.notify();
  }

  private failAll(message: string): void {
    for (const { query } of this.pending.values()) {
      query.error ??= new RpcError(RpcCode.Unavailable, message);
      query.notify();
    }
  }
}
