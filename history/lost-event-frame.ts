import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { FlowBatch } from '../proto/flow/flow-batch.ts';
import { frameMessage } from '../proto/flow/frame.ts';
import { LostEventSchema, type LostEventSource } from '../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';

/** A loss as a stream tells it. */
export interface LossNotice {
  readonly source: LostEventSource;
  readonly events: number;
  /** Process or node that noticed. */
  readonly nodeName: string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** CPU of a perf ring; absent for other sources. */
  readonly cpu?: number;
}

/** The notice as one frame of a GetFlows stream, its envelope time being now. */
export function lostEventFrame(notice: LossNotice, nowMs: number): Uint8Array {
  const lost = create(LostEventSchema, {
    source: notice.source,
    numEventsLost: BigInt(notice.events),
    first: timestampFromMs(notice.firstMs),
    last: timestampFromMs(notice.lastMs),
    ...(notice.cpu !== undefined && { cpu: notice.cpu }),
  });
  const response = create(GetFlowsResponseSchema, {
    responseTypes: { case: 'lostEvents', value: lost },
    nodeName: notice.nodeName,
    time: timestampFromMs(nowMs),
  });
  return frameMessage(toBinary(GetFlowsResponseSchema, response));
}

/** The same as a batch of one, for appending to a FlowRing. */
export function lostEventBatch(notice: LossNotice, nowMs: number): FlowBatch {
  const bytes = lostEventFrame(notice, nowMs);
  return {
    bytes,
    count: 1,
    offsets: Uint32Array.of(0, bytes.length),
    timesUs: Float64Array.of(nowMs * 1000),
  };
}
