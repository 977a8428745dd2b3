import type { FlowRing, LossLedger } from '../history/index.ts';
import { LossCause as Cause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import type { DatapathCounters } from './datapath-counters.ts';
import { counters as counterIndex } from './decode/event-layout.ts';
import { LossNotices } from './loss-notices.ts';
import type { SampleCounters } from './pipeline-messages.ts';

/**
 * Compares what the programs tried to write with what became of it, and tells the difference: at once in the ledger, at most once a second as lost events in the flow
 * stream. What is accounted for is noted in the kernel beside the counters, so that a loss while no agent was there, or with one that was killed, is told by the next.
 *
 *     emitted = drained + ring full + output failed (+ what lies in the rings)         drained = delivered + malformed + queue full
 */
export class LossWatch {
  private readonly bpf: DatapathCounters;
  private readonly ledger: LossLedger;
  private readonly notices: LossNotices;
  /** Losses accounted for, per CPU. */
  private readonly ringFull: number[];
  private readonly outputFailed: number[];
  private readonly emittedAtStart: number;
  /** What counts as drained before this agent's pipeline began to count. */
  private readonly drainedBefore: number;
  private malformed = 0;
  private queueFull = 0;

  /** To be made before the rings are opened: up to then the kernel refuses every event, so that the accounts are even. */
  constructor(bpf: DatapathCounters, ring: FlowRing, ledger: LossLedger, nodeName: string) {
    this.bpf = bpf;
    this.ledger = ledger;
    this.notices = new LossNotices(ring, nodeName);
    const { emitted, ringFull, outputFailed } = bpf.readEven();
    this.ringFull = ringFull;
    this.outputFailed = outputFailed;
    this.emittedAtStart = bpf.readTold();
    this.drainedBefore = emitted - sum(ringFull) - sum(outputFailed);
    this.count(Cause.BPF_OUTPUT_FAILED, emitted - this.emittedAtStart, 'while the agent was away');
    this.notices.tell();
  }

  /** Events that the programs tried to write since the last agent's accounts were closed. */
  get emitted(): number {
    return this.bpf.total(counterIndex.eventsEmitted) - this.emittedAtStart;
  }

  /** Brings the ledger up to date. */
  account(pipeline: SampleCounters): void {
    this.countPerCpu(Cause.PERF_RING_FULL, counterIndex.eventsRingFull, this.ringFull);
    this.countPerCpu(Cause.BPF_OUTPUT_FAILED, counterIndex.eventsOutputFailed, this.outputFailed);
    this.count(Cause.RECORD_MALFORMED, pipeline.malformed - this.malformed);
    this.count(Cause.WORKER_QUEUE_FULL, pipeline.queueFull - this.queueFull);
    this.malformed = pipeline.malformed;
    this.queueFull = pipeline.queueFull;
    this.bpf.writeTold(this.drainedBefore + pipeline.drained + sum(this.ringFull) + sum(this.outputFailed));
  }

  /** Accounts, and tells the stream what came together since the last time. To be called once a second, and once at the end. */
  tell(pipeline: SampleCounters): void {
    this.account(pipeline);
    this.notices.tell();
  }

  private countPerCpu(cause: Cause, index: number, told: number[]): void {
    for (const [cpu, total] of this.bpf.perCpu(index).entries()) {
      this.count(cause, total - told[cpu], `CPU ${cpu}`, cpu);
      told[cpu] = total;
    }
  }

  private count(cause: Cause, events: number, detail = '', cpu?: number): void {
    if (events <= 0) return;
    const nowMs = Date.now();
    this.ledger.add(cause, events, detail, nowMs);
    this.notices.add(cause, events, nowMs, cpu);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
