import { fromBinary } from '@bufbuild/protobuf';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import {
  createFlowPeek,
  ENVELOPE_FLOW,
  ENVELOPE_LOST_EVENTS,
  peekFlow,
  withTimes,
} from '../../proto/flow/peek-flow.ts';
import { WireError } from '../../proto/flow/wire.ts';
import { LostEventSchema } from '../../proto/gen/flow/flow_pb.ts';
import type { SeenAgain } from './seen-again.ts';

/** What came from a source, since the process began. */
export interface SourceCounts {
  /** Flows that were new. */
  flows: number;
  /** Flows that came again after a break, and were left out. */
  duplicates: number;
  /** Notices of loss, which are passed on. */
  lostNotices: number;
  /** Events that those notices tell of: lost before they reached this exporter. */
  lostEvents: number;
  /** Notices about nodes, which are not passed on. */
  nodeNotices: number;
  /** Messages that are no protobuf. */
  malformed: number;
}

export function noSourceCounts(): SourceCounts {
  return { flows: 0, duplicates: 0, lostNotices: 0, lostEvents: 0, nodeNotices: 0, malformed: 0 };
}

const peek = createFlowPeek();

/** Batches of a run whose frames' times could be read; what is no message is left out, and counted. */
export function readBatches(run: FrameRun, counts: SourceCounts): FlowBatch[] {
  try {
    return [withTimes(run)];
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  if (run.count === 1) {
    counts.malformed++;
    return [];
  }
  return Array.from({ length: run.count }, (_, i) => {
    const frame = { bytes: run.bytes, count: 1, offsets: run.offsets.subarray(i, i + 2) };
    return readBatches(frame, counts);
  }).flat();
}

/** Calls `keep` with the ranges of frames that are to be kept: new flows, and notices of loss. */
export function sortFrames(
  batch: FlowBatch,
  seenAgain: SeenAgain | null,
  counts: SourceCounts,
  keep: (from: number, to: number) => void,
): void {
  let from = 0;
  for (let i = 0; i < batch.count; i++) {
    if (isKept(batch, i, seenAgain, counts)) continue;
    if (i > from) keep(from, i);
    from = i + 1;
  }
  if (batch.count > from) keep(from, batch.count);
}

function isKept(batch: FlowBatch, i: number, seenAgain: SeenAgain | null, counts: SourceCounts): boolean {
  const { bytes, offsets } = batch;
  if (seenAgain !== null && seenAgain.has(batch, i)) {
    counts.duplicates++;
    return false;
  }
  // Members of the oneof may stand elsewhere than in front; what does not look like a flow is looked at.
  if (!isFlowFrame(bytes, offsets[i])) return isKeptNotice(batch, i, counts);
  counts.flows++;
  return true;
}

function isKeptNotice({ bytes, offsets }: FlowBatch, i: number, counts: SourceCounts): boolean {
  peekFlow(bytes, offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1], peek);
  if (peek.kind === ENVELOPE_FLOW) {
    counts.flows++;
    return true;
  }
  if (peek.kind !== ENVELOPE_LOST_EVENTS) {
    counts.nodeNotices++;
    return false;
  }
  counts.lostNotices++;
  try {
    const { numEventsLost } = fromBinary(LostEventSchema, bytes.subarray(peek.memberStart, peek.memberEnd));
    counts.lostEvents += Number(numEventsLost);
  } catch {
    counts.malformed++;
    return false;
  }
  return true;
}
