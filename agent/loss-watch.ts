import { type FlowRing, lostEventBatch, type LossLedger, lostEventSource } from '../history/index.ts';
import { type LossCause, LossCause as Cause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { counters as counterIndex } from './decode/event-layout.ts';
import { type BpfMap } from './kernel/bpf-map.ts';
import { type PipelineCounters } from './pipeline-messages.ts';

/** Index in map `counters_told`: events that earlier looks have accounted for, so that a restarted agent tells what happened while nobody looked. */
const TOLD_EMITTED = 0;

/**
 * Compares the programs' counters with what was told before and tells the difference: in the ledger and, as lost events, in the flow stream. Kept in the kernel beside
 * the counters, so that a loss while the agent was away is told by the next one.
 */
export class LossWatch {
  private readonly eventCounters: BpfMap;
  private readonly told: BpfMap;
  private readonly ring: FlowRing;
  private readonly ledger: LossLedger;
  private readonly nodeName: string;
  /** Losses already told, per cause and CPU. */
  private readonly ringFull: number[];
  private readonly outputFailed: number[];
  private readonly emittedAtStart: number;
  /** What is taken as drained before this agent's worker began to count. */
  private drainedBefore: number;
  private malformed = 0;
  private queueFull = 0;

  constructor(eventCounters: BpfMap, told: BpfMap, ring: FlowRing, ledger: LossLedger, nodeName: string) {
    this.eventCounters = eventCounters;
    this.told = told;
    this.ring = ring;
    this.ledger = ledger;
    this.nodeName = nodeName;
    this.ringFull = this.read(counterIndex.eventsRingFull);
    this.outputFailed = this.read(counterIndex.eventsOutputFailed);
    this.emittedAtStart = this.readTold(TOLD_EMITTED);
    this.drainedBefore = this.tellAbsence();
  }

  /** Events that the programs tried to write since the last agent's accounts were closed, this agent's whole life included. */
  get emitted(): number {
    return sum(this.read(counterIndex.eventsEmitted)) - this.emittedAtStart;
  }

  /** A counter of the programs, all CPUs together, since they were loaded. */
  counter(index: number): number {
    return sum(this.read(index));
  }

  /** Tells what was lost since the last call. To be called every second or so, and once at the end. */
  tell(pipeline: PipelineCounters): void {
    this.tellPerCpu(Cause.PERF_RING_FULL, counterIndex.eventsRingFull, this.ringFull);
    this.tellPerCpu(Cause.BPF_OUTPUT_FAILED, counterIndex.eventsOutputFailed, this.outputFailed);
    this.tellOne(Cause.RECORD_MALFORMED, pipeline.malformed - this.malformed);
    this.tellOne(Cause.WORKER_QUEUE_FULL, pipeline.queueFull - this.queueFull);
    this.malformed = pipeline.malformed;
    this.queueFull = pipeline.queueFull;
    this.writeTold(
      TOLD_EMITTED,
      this.drainedBefore + pipeline.drained + sum(this.ringFull) + sum(this.outputFailed),
    );
  }

  /** What came between the last agent's accounts and this agent's start: refused by the kernel, or gone with the dead agent's rings. */
  private tellAbsence(): number {
    const emitted = sum(this.read(counterIndex.eventsEmitted));
    this.tellOne(Cause.BPF_OUTPUT_FAILED, emitted - this.emittedAtStart, 'while the agent was away');
    const handled = sum(this.ringFull) + sum(this.outputFailed);
    // From here on the accounts are even: emitted = drained + refused.
    return emitted - handled;
  }

  private tellPerCpu(cause: LossCause, index: number, told: number[]): void {
    for (const [cpu, total] of this.read(index).entries()) {
      this.tellOne(cause, total - told[cpu], `CPU ${cpu}`, cpu);
      told[cpu] = total;
    }
  }

  private tellOne(cause: LossCause, events: number, detail = '', cpu?: number): void {
    if (events <= 0) return;
    const nowMs = Date.now();
    this.ledger.add(cause, events, detail, nowMs);
    this.ring.append(
      lostEventBatch(
        {
          source: lostEventSource(cause),
          events,
          nodeName: this.nodeName,
          firstMs: nowMs,
          lastMs: nowMs,
          ...(cpu !== undefined && { cpu }),
        },
        nowMs,
      ),
    );
  }

  private read(index: number): number[] {
    const value = this.eventCounters.lookup(u32(index));
    if (value === null) return [];
    const words = new DataView(value.buffer);
    return Array.from({ length: value.length / 8 }, (_, cpu) => Number(words.getBigUint64(cpu * 8, true)));
  }

  private readTold(index: number): number {
    const value = this.told.lookup(u32(index));
    return value === null ? 0 : Number(new DataView(value.buffer).getBigUint64(0, true));
  }

  private writeTold(index: number, total: number): void {
    const value = Buffer.alloc(8);
    value.writeBigUInt64LE(BigInt(total));
    this.told.update(u32(index), value);
  }
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
