import { counters as counterIndex } from './decode/event-layout.ts';

/** The part of a BpfMap that the counters need. */
export interface CounterMap {
  lookup(key: Uint8Array): Uint8Array | null;
  update(key: Uint8Array, value: Uint8Array): void;
}

const MAX_EVEN_READS = 50;

/** The programs' counters (map `event_counters`, per CPU) and the agent's note beside them (map `counters_told`). */
export class DatapathCounters {
  private readonly counters: CounterMap;
  private readonly told: CounterMap;

  constructor(counters: CounterMap, told: CounterMap) {
    this.counters = counters;
    this.told = told;
  }

  /** A counter since the programs were loaded, by CPU. */
  perCpu(index: number): number[] {
    const value = this.counters.lookup(u32(index));
    if (value === null) return [];
    const words = new DataView(value.buffer, value.byteOffset, value.byteLength);
    return Array.from({ length: value.length / 8 }, (_, cpu) => Number(words.getBigUint64(cpu * 8, true)));
  }

  /** A counter since the programs were loaded, all CPUs together. */
  total(index: number): number {
    return this.perCpu(index).reduce((sum, value) => sum + value, 0);
  }

  /**
   * The counters of events as they were at one moment: read between two equal readings of how many were emitted. On a node that never pauses for so long they may be
   * apart by an event or two.
   */
  readEven(): { emitted: number; ringFull: number[]; outputFailed: number[] } {
    for (let tries = 1; ; tries++) {
      const emitted = this.total(counterIndex.eventsEmitted);
      const ringFull = this.perCpu(counterIndex.eventsRingFull);
      const outputFailed = this.perCpu(counterIndex.eventsOutputFailed);
      if (tries === MAX_EVEN_READS || this.total(counterIndex.eventsEmitted) === emitted) {
        return { emitted, ringFull, outputFailed };
      }
    }
  }

  /** Events that some agent has accounted for. */
  readTold(): number {
    const value = this.told.lookup(u32(0));
    if (value === null) return 0;
    return Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true));
  }

  writeTold(events: number): void {
    this.told.update(u32(0), new Uint8Array(BigUint64Array.of(BigInt(events)).buffer));
  }
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}
