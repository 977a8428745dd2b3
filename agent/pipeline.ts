import type { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { FlowRecord } from '../proto/flow/flow-record.ts';
import { BatchWriter, type FilledBatch } from './batch-writer.ts';
import { EventDecoder } from './decode/decode-event.ts';
import { EVENT_TYPE_L7, FLOW_EVENT_BYTES, flowEventLayout } from './decode/event-layout.ts';
import { DnsReader } from './dns/dns-reader.ts';
import type { Enrichment } from './enrich/enrichment.ts';
import type { PipelineCounters } from './pipeline-messages.ts';
import { MergedRings } from './ring/merged-rings.ts';
import type { RingReader } from './ring/ring-reader.ts';
import { WallClock } from './wall-clock.ts';

/** Records taken in one drain, about 10 ms of work: the thread has messages to look at, too. */
const RECORDS_PER_DRAIN = 16_384;
/** An event gets its time just before it is written: one that is younger than this may have an older one still behind it on another CPU. */
const SETTLE_NS = 1_000_000;
/** Batches that the main thread may have before it. While it has, the next one grows instead of being sent. */
const MAX_WAITING_BATCHES = 2;
/** A writer as fast as the reader could keep it busy for ever; what is left then belongs to the next agent's account. */
const MAX_FINISH_DRAINS = 256;

/** What the pipeline needs from its thread. */
export interface PipelineHost {
  /** CLOCK_MONOTONIC now. */
  monotonicNs(): number;
  /** What turns CLOCK_MONOTONIC into wall-clock time. */
  realtimeOffsetNs(): bigint;
  send(batch: FilledBatch): void;
}

/** What a drain came to. */
export interface Drained {
  readonly samples: number;
  /** False when there was more than one drain may take: the next should follow at once. */
  readonly settled: boolean;
  /** False when something is left in the rings, if only because it is too young. */
  readonly empty: boolean;
}

/**
 * From rings to batches: takes the events of all CPUs in the order of their times, decodes them, puts names to them, and encodes each flow once, into the buffer that goes
 * to the main thread. What is younger than a millisecond stays in its ring until the next drain, so that the order holds across drains too.
 */
export class Pipeline {
  private readonly readers: readonly RingReader[];
  private readonly rings: MergedRings;
  private readonly decoder: EventDecoder;
  private readonly dns: DnsReader;
  private readonly host: PipelineHost;
  private readonly maxQueuedBytes: number;
  private readonly clock: WallClock;
  private readonly writer: BatchWriter;
  private queuedBytes = 0;
  private queuedBatches = 0;
  private drained = 0;
  private malformed = 0;
  private queueFull = 0;
  private dnsSamples = 0;

  /** @param maxQueuedBytes batches sent and not stored yet, beyond which events are given up and counted */
  constructor(
    readers: readonly RingReader[],
    enrichment: Enrichment,
    encoder: FlowEncoder,
    host: PipelineHost,
    maxQueuedBytes: number,
  ) {
    this.readers = readers;
    this.rings = new MergedRings(readers, eventTime);
    this.decoder = new EventDecoder(new FlowRecord(), enrichment);
    this.dns = new DnsReader(this.decoder.record, enrichment.dnsNames, this.write);
    this.writer = new BatchWriter(encoder);
    this.host = host;
    this.maxQueuedBytes = maxQueuedBytes;
    this.clock = new WallClock(host.realtimeOffsetNs());
  }

  get counters(): PipelineCounters {
    const corrupt = this.readers.reduce((sum, reader) => sum + reader.corruptions, 0);
    const dns = this.dns.counters;
    return {
      drained: this.drained,
      malformed: this.malformed + corrupt,
      queueFull: this.queueFull,
      extraFlows: dns.dnsFlows - this.dnsSamples,
      dns,
    };
  }

  /** Reads the wall clock's offset again: to be called every second or so. */
  readClock(): void {
    this.clock.update(this.host.realtimeOffsetNs(), this.host.monotonicNs());
  }

  /** Takes what has settled in the rings, or a bounded part of much. */
  drain(): Drained {
    return this.take(this.host.monotonicNs() - SETTLE_NS);
  }

  private take(untilNs: number): Drained {
    const samples = this.rings.drain(untilNs, this.now, RECORDS_PER_DRAIN, this.onSample);
    this.drained += samples;
    this.sendIfWanted();
    return { samples, settled: samples < RECORDS_PER_DRAIN, empty: !this.rings.waiting };
  }

  /** The main thread has stored a batch. */
  stored(buffer: ArrayBuffer): void {
    this.queuedBytes -= buffer.byteLength;
    this.queuedBatches--;
    this.writer.recycle(buffer);
    this.sendIfWanted();
  }

  /** Drains the rings to their ends and sends everything that the queue has room for. */
  finish(): void {
    for (let i = 0; i < MAX_FINISH_DRAINS; i++) {
      if (this.take(Number.POSITIVE_INFINITY).samples === 0) break;
    }
    if (this.writer.size > 0) this.send();
  }

  private readonly now = (): number => this.host.monotonicNs();

  private readonly onSample = (u8: Uint8Array, u32: Uint32Array, offset: number, length: number): void => {
    const { record } = this.decoder;
    if (!this.decoder.decode(u8, u32, offset, length)) {
      this.malformed++;
      return;
    }
    const ktime = (offset + flowEventLayout.ktime_ns) >> 2;
    this.clock.stamp(u32[ktime], u32[ktime + 1], record);
    if (record.eventType === EVENT_TYPE_L7) {
      this.dnsSamples++;
      this.dns.read(u8, u32, offset);
    } else {
      this.write();
    }
  };

  /** Encodes the flow that the record holds. */
  private readonly write = (): void => {
    const { record } = this.decoder;
    if (!this.writer.fits(record)) {
      if (this.queuedBytes >= this.maxQueuedBytes) {
        this.queueFull++;
        return;
      }
      this.send();
    }
    this.writer.add(record);
  };

  private sendIfWanted(): void {
    if (this.writer.size > 0 && this.queuedBatches < MAX_WAITING_BATCHES) this.send();
  }

  private send(): void {
    const batch = this.writer.finish();
    this.queuedBytes += batch.buffer.byteLength;
    this.queuedBatches++;
    this.host.send(batch);
  }
}

/** Kernel time of an event in nanoseconds: exact in a double for 104 days of uptime, and to a few nanoseconds for years. */
function eventTime(u32: Uint32Array, offset: number, length: number): number {
  if (length < FLOW_EVENT_BYTES) return 0;
  const ktime = (offset + flowEventLayout.ktime_ns) >> 2;
  return u32[ktime + 1] * 4_294_967_296 + u32[ktime];
}
