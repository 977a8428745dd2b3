import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { FlowKey } from '../flow-key.ts';
import { KnownFlows } from './known-flows.ts';

/** Keys that are kept at most: 128 MiB. */
const MAX_KEYS = 4_000_000;

/**
 * Tells the flows that a resumed stream brings again from new ones: those of the overlap, known by what the spool holds of it. Of use until the stream is well past the newest
 * of them.
 */
export class SeenAgain {
  /** Flows left out. */
  duplicates = 0;
  /** Whether there were more flows in the overlap than can be kept: some may come twice. */
  isIncomplete = false;
  private readonly known = new KnownFlows();
  private readonly key = new FlowKey();
  private readonly endUs: number;
  private readonly overlapUs: number;
  private readonly startedUs: number;

  /** @param newestUs time of the newest flow in the spool; @param overlapUs how much of what is before it comes again; @param startedUs now */
  constructor(newestUs: number, overlapUs: number, startedUs: number = Date.now() * 1000) {
    this.overlapUs = overlapUs;
    this.startedUs = startedUs;
    this.endUs = newestUs + overlapUs;
  }

  /** How many flows are known. */
  get size(): number {
    return this.known.size;
  }

  /** Notes a message of the spool. Throws WireError when it is none. */
  note(bytes: Uint8Array, start: number, end: number): void {
    if (this.known.size >= MAX_KEYS) {
      this.isIncomplete = true;
      return;
    }
    this.key.read(bytes, start, end);
    this.known.add(this.key.words);
  }

  /** Whether frame i of a run was there before. Counts it. */
  has({ bytes, offsets }: FrameRun, i: number): boolean {
    this.key.read(bytes, offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1]);
    if (!this.known.has(this.key.words)) return false;
    this.duplicates++;
    return true;
  }

  /**
   * Whether a stream that has come to this batch brings nothing again any more: it has a flow from well behind the newest known, and has run for as long as the overlap is. The time of a notice tells
   * nothing (it is that of its sending), nor does that of a flow from a clock that runs ahead.
   */
  isOver({ bytes, offsets, timesUs, count }: FlowBatch, nowUs: number): boolean {
    if (nowUs - this.startedUs < this.overlapUs) return false;
    for (let i = count - 1; i >= 0; i--) {
      if (timesUs[i] <= nowUs && isFlowFrame(bytes, offsets[i])) return timesUs[i] > this.endUs;
    }
    return false;
  }
}
