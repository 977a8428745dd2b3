import { type FlowEncoder } from '../proto/flow/encode-flow.ts';
import { type FlowRecord } from '../proto/flow/flow-record.ts';
import { timeUsOf } from '../proto/flow/peek-flow.ts';

import { grown } from './grown.ts';

const INITIAL_BYTES = 1024 * 1024;
const INITIAL_ENTRIES = 4096;

/** Flows of one drain, encoded but not yet in order: one run per ring, each ordered by itself. */
export class StagedFlows {
  bytes = new Uint8Array(INITIAL_BYTES);
  private starts = new Uint32Array(INITIAL_ENTRIES + 1);
  /** Kernel time of each flow in nanoseconds; a double holds it to the nanosecond for 104 days of uptime and to a few beyond. */
  ktimes = new Float64Array(INITIAL_ENTRIES);
  timesUs = new Float64Array(INITIAL_ENTRIES);
  count = 0;

  /** Encodes the record behind the others. */
  add(record: FlowRecord, ktimeNs: number, encoder: FlowEncoder): void {
    if (this.count === this.ktimes.length) this.growEntries();
    const start = this.starts[this.count];
    const needed = start + encoder.maxBytes(record);
    if (needed > this.bytes.length) this.growBytes(needed);
    this.ktimes[this.count] = ktimeNs;
    this.timesUs[this.count] = timeUsOf(record.seconds, record.nanos);
    this.count++;
    this.starts[this.count] = encoder.encode(record, this.bytes, start);
  }

  /** Appends flow `i` of another. */
  copyFrom(other: StagedFlows, i: number): void {
    if (this.count === this.ktimes.length) this.growEntries();
    const start = this.starts[this.count];
    const frame = other.bytes.subarray(other.start(i), other.end(i));
    if (start + frame.length > this.bytes.length) this.growBytes(start + frame.length);
    this.bytes.set(frame, start);
    this.ktimes[this.count] = other.ktimes[i];
    this.timesUs[this.count] = other.timesUs[i];
    this.count++;
    this.starts[this.count] = start + frame.length;
  }

  start(i: number): number {
    return this.starts[i];
  }

  end(i: number): number {
    return this.starts[i + 1];
  }

  clear(): void {
    this.count = 0;
  }

  private growEntries(): void {
    const size = this.ktimes.length * 2;
    this.starts = grown(this.starts, new Uint32Array(size + 1));
    this.ktimes = grown(this.ktimes, new Float64Array(size));
    this.timesUs = grown(this.timesUs, new Float64Array(size));
  }

  private growBytes(needed: number): void {
    this.bytes = grown(this.bytes, new Uint8Array(Math.max(needed, this.bytes.length * 2)));
  }
}
