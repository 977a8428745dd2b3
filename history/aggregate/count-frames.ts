import type { FlowAggregator } from '../../proto/flow/aggregate/flow-aggregator.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { WireError } from '../../proto/flow/wire.ts';
import { LostEventSource } from '../../proto/gen/flow/flow_pb.ts';
import type { LossTally } from './loss-tally.ts';

/**
 * Counts the flows in whole frames that stand back to back; notices of loss among them, and flows that cannot be read, are added to the losses.
 * @param nodeName whose flows they are
 */
export function countFrames(
  frames: Uint8Array,
  aggregator: FlowAggregator,
  losses: LossTally,
  nodeName: string,
): void {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
  for (let pos = 0; pos < frames.length;) {
    const start = pos + FRAME_PREFIX_BYTES;
    const end = start + view.getUint32(pos + 1);
    try {
      if (isFlowFrame(frames, pos)) aggregator.add(frames, start, end);
      else losses.addMessage(frames, start, end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      losses.add(LostEventSource.UNKNOWN_LOST_EVENT_SOURCE, 1, nodeName);
    }
    pos = end;
  }
}
