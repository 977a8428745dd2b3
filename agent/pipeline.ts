import { type FlowEncoder } from '../proto/flow/encode-flow.ts';
import { FlowRecord } from '../proto/flow/flow-record.ts';
import { BatchWriter, type FilledBatch, StagedFlows } from './batch-writer.ts';
import { EventDecoder } from './decode/decode-event.ts';
import { type Enrichment } from './enrich/enrichment.ts';
import { type PipelineCounters } from './pipeline-messages.ts';
import { type RingReader } from './ring/ring-reader.ts';

/** Records taken from one ring before the next gets its turn, so that one busy CPU cannot starve the others. */
const RECORDS_PER_TURN = 32_768;
/** An event gets its time just before it is written: one that is younger than this may have an older one still behind it on another CPU. */
const SETTLE_NS = 1_000_000;

/** What the pipeline needs from its thread. */
export interface PipelineHost {
  /** CLOCK_MONOTONIC now. */
  monotonicNs(): number;
  /** What turns kernel time into wall-clock time. */
  realtimeOffsetNs(): bigint;
  send(batch: FilledBatch): void;
}

/**
 * From rings to batches: drains all CPUs, decodes, encodes each flow once, and gives the flows on in the order of their times. What is younger than a
 * millisecond waits for the next drain, so that the order holds across drains too.
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
  private offsetSeconds = 0;
  private offsetNanos = 0;
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
    this.readClock();
  }

  get counters(): PipelineCounters {
    const corrupt = this.readers.reduce((sum, reader) => sum + reader.corruptions, 0);
    return { drained: this.drained, malformed: this.malformed + corrupt, queueFull: this.queueFull };
  }

  /** Reads the wall clock's offset again: to be called every second or so. */
  readClock(): void {
    const offset = this.host.realtimeOffsetNs();
    this.offsetSeconds = Number(offset / 1_000_000_000n);
    this.offsetNanos = Number(offset % 1_000_000_000n);
  }

  /**
   * Takes everything that the rings hold now. Returns the number of samples.
   * @param settled true at the end: nothing is held back for a next drain
   */
  drain(settled = false): number {
    let limitNs = settled ? Number.POSITIVE_INFINITY : this.host.monotonicNs() - SETTLE_NS;
    const { kept } = this;
    this.kept = this.staged;
    this.staged = kept;
    // `staged` now begins with what the last drain held back: a run of its own.
    this.kept.clear();
    this.runStarts.length = 0;
    this.runStarts.push(0);
    let samples = 0;
    for (const reader of this.readers) {
      this.runStarts.push(this.staged.count);
      const taken = reader.drain(this.onSample, RECORDS_PER_TURN);
      samples += taken;
      if (taken >= RECORDS_PER_TURN && this.staged.count > 0) {
        limitNs = Math.min(limitNs, this.staged.ktimes[this.staged.count - 1]);
      }
    }
    this.drained += samples;
    this.mergeRuns(limitNs);
    this.sendIfWanted(false);
    return samples;
  }

  /** Whether a following drain has something to do even if the rings stay empty. */
  get holdsBack(): boolean {
    return this.kept.count > 0 || this.writer.size > 0;
  }

  /** The main thread has stored a batch. */
  stored(buffer: ArrayBuffer): void {
    this.queuedBytes -= buffer.byteLength;
    this.queuedBatches--;
    this.writer.recycle(buffer);
    this.sendIfWanted(false);
  }

  /** Hands on everything, whatever the queue. */
  finish(): void {
    this.drain(true);
    this.sendIfWanted(true);
  }

  private readonly onSample = (u8: Uint8Array, u32: Uint32Array, offset: number, length: number): void => {
    if (!this.decoder.decode(u8, u32, offset, length)) {
      this.malformed++;
      return;
    }
    const low = u32[offset >> 2];
    const high = u32[(offset >> 2) + 1];
    this.setTime(low, high);
    this.staged.add(this.decoder.record, high * 4_294_967_296 + low, this.encoder);
  };

  /** Exact for years of uptime: 2^32 ns are 4 s and 294,967,296 ns. */
  private setTime(low: number, high: number): void {
    const nanos = high * 294_967_296 + low + this.offsetNanos;
    const carry = Math.floor(nanos / 1e9);
    const { record } = this.decoder;
    record.seconds = this.offsetSeconds + high * 4 + carry;
    record.nanos = nanos - carry * 1e9;
  }

  /** Merges the ordered runs of this drain up to a kernel time; what is younger is kept for the next. */
  private mergeRuns(limitNs: number): void {
    const { staged, runStarts } = this;
    const heads = [...runStarts];
    const ends = [...runStarts.slice(1), staged.count];
    for (;;) {
      let best = -1;
      let bestTime = limitNs;
      for (let run = 0; run < heads.length; run++) {
        if (heads[run] < ends[run] && staged.ktimes[heads[run]] <= bestTime) {
          if (best >= 0 && staged.ktimes[heads[run]] === bestTime) continue;
          best = run;
          bestTime = staged.ktimes[heads[run]];
        }
      }
      if (best < 0) break;
      this.emit(heads[best]++);
    }
    this.keepRest(heads, ends);
  }

  private emit(i: number): void {
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
  }

  /** Copies the flows that are too young into `kept`, in the order of their times. */
  private keepRest(heads: readonly number[], ends: readonly number[]): void {
    const { staged, kept } = this;
    const rest: number[] = [];
    for (let run = 0; run < heads.length; run++) for (let i = heads[run]; i < ends[run]; i++) rest.push(i);
    rest.sort((a, b) => staged.ktimes[a] - staged.ktimes[b]);
    for (const i of rest) kept.copyFrom(staged, i);
    staged.clear();
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
