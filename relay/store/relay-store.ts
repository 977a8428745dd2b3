import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type FlowSelection,
  FlowStore,
  type FrameSink,
  type LossLedger,
  type StoreBounds,
  type StoreLog,
} from '../../history/index.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import type { PeerRequest } from '../peer/peer-flows.ts';
import { Coverage, type Span } from './coverage.ts';

/** What a relay's store is made with. */
export interface RelayStoreOptions {
  readonly bounds: StoreBounds;
  readonly ledger: LossLedger;
  readonly log: StoreLog;
  /** After so long a flow has been merged, or is late. */
  readonly settleMs: number;
}

/** Sends live flows of all peers to a sink until its signal aborts. */
export type LiveSource = (request: PeerRequest, sink: FrameSink) => Promise<void>;

/** Tag of GetFlowsResponse.node_status: of interest when it happens, and not in a history of flows. */
const STATUS_TAG = 0x12;
const SAVE_MS = 10_000;
const RETRY_MS = 1000;
/** Longest wait for the disk before a query does without what is newest. */
const FLUSH_WAIT_MS = 2000;

/** Everything that a relay's peers tell, on disk: it follows them all the time, whoever else does. Close it. */
export class RelayStore {
  readonly store: FlowStore;
  readonly bounds: StoreBounds;
  private readonly options: RelayStoreOptions;
  private readonly coverage: Coverage;
  private readonly abort = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private following: Promise<void> = Promise.resolve();
  private isFollowing = false;

  private constructor(store: FlowStore, options: RelayStoreOptions) {
    this.store = store;
    this.bounds = options.bounds;
    this.options = options;
    this.coverage = new Coverage(join(options.bounds.directory, 'coverage.json'));
  }

  /** Throws Error when another process has the directory, or the disk refuses. */
  static async open(options: RelayStoreOptions): Promise<RelayStore> {
    const { bounds, ledger, log } = options;
    const onLost = (flows: number, why: string): void => ledger.add(LossCause.HISTORY_STORE, flows, why);
    return new RelayStore(await FlowStore.open({ ...bounds, log, onLost }), options);
  }

  /** Begins to follow. From now on what peers tell is stored, also of those that come later. */
  start(source: LiveSource): void {
    // People ask relays; an agent's thread for queries starts when somebody asks.
    this.store.queries.warm();
    const startedMs = Date.now();
    this.coverage.begin(startedMs * 1000);
    // A peer that is reached late tells what it has seen since then.
    const request = create(GetFlowsRequestSchema, { follow: true, since: timestampFromMs(startedMs) });
    this.timer = setInterval(() => this.save(), SAVE_MS);
    this.following = this.follow(source, { request, metadata: {} });
  }

  private async follow(source: LiveSource, request: PeerRequest): Promise<void> {
    const { signal } = this.abort;
    const sink: FrameSink = {
      signal,
      write: (frames, onSent) => {
        this.append(frames);
        onSent?.();
        return true;
      },
      drained: () => Promise.resolve(),
      flush: () => {},
    };
    while (!signal.aborted) {
      this.isFollowing = true;
      await source(request, sink).catch((error: Error) =>
        this.options.log('warn', 'the flow store cannot follow', { error: error.message }),
      );
      this.isFollowing = false;
      await pause(RETRY_MS, undefined, { signal }).catch(() => {}); // ended: so does the loop
    }
  }

  /** Stores all but states of nodes. */
  private append(frames: Uint8Array): void {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
    let from = 0;
    for (let pos = 0; pos < frames.length;) {
      const end = pos + FRAME_PREFIX_BYTES + view.getUint32(pos + 1);
      if (frames[pos + FRAME_PREFIX_BYTES] === STATUS_TAG) {
        if (from < pos) this.store.append(frames.subarray(from, pos));
        from = end;
      }
      pos = end;
    }
    if (from < frames.length) this.store.append(frames.subarray(from));
  }

  /** Whether all that is asked for is newer than what the store has settled. */
  isTooNew({ since }: FlowSelection): boolean {
    return since !== null && since.seconds * 1000 > Date.now() - this.options.settleMs;
  }

  /** Brings what has come so far to the disk, and tells of which times the store has everything. */
  async covered(signal: AbortSignal): Promise<Span[]> {
    const { store } = this;
    const settledUs = (Date.now() - this.options.settleMs) * 1000;
    const wantedSeq = store.endSeq;
    const endMs = performance.now() + FLUSH_WAIT_MS;
    store.flush();
    while (store.flushedSeq < wantedSeq && !signal.aborted && performance.now() < endMs) {
      let timer: NodeJS.Timeout | undefined;
      const waited = new Promise<void>((resolve) => (timer = setTimeout(resolve, 100)));
      await Promise.race([store.changed, waited]);
      clearTimeout(timer);
    }
    if (this.isFollowing && store.flushedSeq >= wantedSeq) this.coverage.extend(settledUs);
    const { oldestSeq, oldestTimeUs } = store.state;
    // A store that never gave anything up begins with its first span, not with its first flow.
    return this.coverage.since(oldestSeq === 0 ? Number.NEGATIVE_INFINITY : oldestTimeUs);
  }

  private save(): void {
    try {
      // What is not on disk is not covered yet.
      if (this.isFollowing) this.coverage.extend((Date.now() - this.options.settleMs - 2000) * 1000);
      this.coverage.save();
    } catch (error) {
      this.options.log('warn', 'cannot note what the flow store has', { error: (error as Error).message });
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.covered(this.abort.signal).catch(() => []);
    this.abort.abort();
    await this.following;
    this.save();
    await this.store.close();
  }
}
