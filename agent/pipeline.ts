import { type FlowEncoder } from '../proto/flow/encode-flow.ts';
import { FlowRecord } from '../proto/flow/flow-record.ts';
import { BatchWriter, type FilledBatch } from './batch-writer.ts';
import { EventDecoder } from './decode/decode-event.ts';
import { type Enrichment } from './enrich/enrichment.ts';
import { mergeRuns } from './merge-runs.ts';
import { type PipelineCounters } from './pipeline-messages.ts';
import { type RingReader } from './ring/ring-reader.ts';
import { StagedFlows } from './staged-flows.ts';
import { WallClock } from './wall-clock.ts';

/** Records taken in one drain, all rings together: what bounds the memory of a drain. Each ring gets an equal share. */
const RECORDS_PER_DRAIN = 65_536;
const MIN_RECORDS_PER_RING = 1024;
/** An event gets its time just before it is written: one that is younger than this may have an older one still behind it on another CPU. */
const SETTLE_NS = 1_000_000;
/** A writer as fast as the reader could keep it busy for ever; what is left then belongs to the next agent's account. */
const MAX_FINISH_TURNS = 64;

/** What the pipeline needs from its thread. */
export interface PipelineHost {
  /** CLOCK_MONOTONIC now. */
  monotonicNs(): number;
  /** What turns CLOCK_MONOTONIC into wall-clock time. */
  realtimeOffsetNs(): bigint;
  send(batch: FilledBatch): void;
}

/**
 * From rings to batches: drains all CPUs, decodes, encodes each flow once, and gives the flows on in the order of their times. What is younger than a
 * millisecond waits for the next drain, so that the order holds across drains too.
 *
 *     rings ── decode, encode ──▶ staged: [ held back | CPU 0 | CPU 1 | … ] ── merge ──▶ batch ── send ──▶ main thread
 *                                              ▲                                │
 *                                              └────────── too young ───────────┘
 */
export class Pipeline {
  private readonly readers: readonly RingReader[];
  private readonly decoder: EventDecoder;
  private readonly encoder: FlowEncoder;
  private readonly host: PipelineHost;
  private readonly maxQueuedBytes: number;
  private readonly writer = new BatchWriter();
  private staged = new StagedFlows();
  private kept = new StagedFlows();
  /** Where each ring's flows start in `staged`. */
  private readonly runStarts: number[] = [];
  private queuedBytes = 0;
  private queuedBatches = 0;
  private readonly clock: WallClock;
  private readonly recordsPerRing: number;
  private drained = 0;
  private malformed = 0;
  private queueFull = 0;

  constructor(
    readers: readonly RingReader[],
    enrichment: Enrichment,
    encoder: FlowEncoder,
    host: PipelineHost,
    maxQueuedBytes: number,
  ) {
    this.readers = readers;
    this.decoder = new EventDecoder(new FlowRecord(), enrichment);
    this.encoder = encoder;
    this.host = host;
    this.maxQueuedBytes = maxQueuedBytes;
    this.clock = new WallClock(host.realtimeOffsetNs());
    this.recordsPerRing = Math.max(MIN_RECORDS_PER_RING, Math.floor(RECORDS_PER_DRAIN / readers.length));
  }

  get counters(): PipelineCounters {
    const corrupt = this.readers.reduce((sum, reader) => sum + reader.corruptions, 0);
    return { drained: this.drained, malformed: this.malformed + corrupt, queueFull: this.queueFull };
  }

  /** Reads the wall clock's offset again: to be called every second or so. */
  readClock(): void {
    this.clock.update(this.host.realtimeOffsetNs(), this.host.monotonicNs());
  }

  /** Takes what the rings hold now, or a bounded part of much, and gives on what has settled. Returns the number of samples. */
  drain(): number {
    // Taken before the first ring is read: what comes into it afterwards may be older than what is then read from the last.
    const untilNs = this.host.monotonicNs() - SETTLE_NS;
    const { samples, settledNs } = this.readRings();
    this.giveOn(Math.min(settledNs, untilNs));
    return samples;
  }

  /** Reads each ring's share behind what the last drain held back. `settledNs`: up to then nothing is left in a ring. */
  private readRings(): { samples: number; settledNs: number } {
    this.runStarts.length = 0;
    this.runStarts.push(0);
    let samples = 0;
    let settledNs = Number.POSITIVE_INFINITY;
    for (const reader of this.readers) {
      const start = this.staged.count;
      this.runStarts.push(start);
      const taken = reader.drain(this.onSample, this.recordsPerRing);
      samples += taken;
      if (taken >= this.recordsPerRing && this.staged.count > start) {
        settledNs = Math.min(settledNs, this.staged.ktimes[this.staged.count - 1]);
      }
    }
    this.drained += samples;
    return { samples, settledNs };
  }

  /** Gives on what was staged, in the order of its times, up to a kernel time; what is later stays staged for the next drain. */
  private giveOn(untilNs: number): void {
    const { staged, kept } = this;
    const heads = mergeRuns(staged.ktimes, this.runStarts, staged.count, untilNs, this.emit);
    this.keepRest(heads);
    staged.clear();
    this.staged = kept;
    this.kept = staged;
    this.sendIfWanted(false);
  }

  /** Whether a following drain has something to do even if the rings stay empty. */
  get holdsBack(): boolean {
    return this.staged.count > 0 || this.writer.size > 0;
  }

  /** The main thread has stored a batch. */
  stored(buffer: ArrayBuffer): void {
    this.queuedBytes -= buffer.byteLength;
    this.queuedBatches--;
    this.writer.recycle(buffer);
    this.sendIfWanted(false);
  }

  /** Drains the rings to their ends and hands on everything that the queue has room for. */
  finish(): void {
    for (let turn = 0; turn < MAX_FINISH_TURNS && this.drain() > 0; turn++);
    this.readRings();
    this.giveOn(Number.POSITIVE_INFINITY);
    this.sendIfWanted(true);
  }

  private readonly onSample = (u8: Uint8Array, u32: Uint32Array, offset: number, length: number): void => {
    if (!this.decoder.decode(u8, u32, offset, length)) {
      this.malformed++;
      return;
    }
    const low = u32[offset >> 2];
    const high = u32[(offset >> 2) + 1];
    this.clock.stamp(low, high, this.decoder.record);
    this.staged.add(this.decoder.record, high * 4_294_967_296 + low, this.encoder);
  };

  private readonly emit = (i: number): void => {
    const { staged, writer } = this;
    const start = staged.start(i);
    const end = staged.end(i);
    if (!writer.fits(end - start)) {
      if (this.queuedBytes >= this.maxQueuedBytes) {
        this.queueFull++;
        return;
      }
      this.send();
    }
    writer.add(staged.bytes, start, end, staged.timesUs[i]);
  };

  /** Copies the flows that were not merged into `kept`, in the order of their times. */
  private keepRest(heads: readonly number[]): void {
    const { staged, kept, runStarts } = this;
    const rest: number[] = [];
    for (let run = 0; run < heads.length; run++) {
      const end = runStarts[run + 1] ?? staged.count;
      for (let i = heads[run]; i < end; i++) rest.push(i);
    }
    rest.sort((a, b) => staged.ktimes[a] - staged.ktimes[b]);
    for (const i of rest) kept.copyFrom(staged, i);
  }

  /** Sends what is gathered unless the main thread still has work: then the batch grows instead. */
  private sendIfWanted(always: boolean): void {
    if (this.writer.size > 0 && (always || this.queuedBatches < 2)) this.send();
  }

  private send(): void {
    const batch = this.writer.finish();
    this.queuedBytes += batch.buffer.byteLength;
    this.queuedBatches++;
    this.host.send(batch);
  }
}
