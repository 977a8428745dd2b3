import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { FlowBatch } from '../../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES, frameMessage, type FrameRun } from '../../../proto/flow/frame.ts';
import { withTimes } from '../../../proto/flow/peek-flow.ts';
import { LostEventSource } from '../../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';

/** A point in time by nanoseconds since the epoch. */
export function timestamp(ns: bigint): { seconds: bigint; nanos: number } {
  return { seconds: ns / 1_000_000_000n, nanos: Number(ns % 1_000_000_000n) };
}

/** One framed flow of a node; `summary` tells it from others. */
export function flowFrame(nodeName: string, ns: bigint, summary: string): Uint8Array {
  const time = timestamp(ns);
  const response = create(GetFlowsResponseSchema, {
    responseTypes: { case: 'flow', value: { time, nodeName, Summary: summary } },
    nodeName,
    time,
  });
  return frameMessage(toBinary(GetFlowsResponseSchema, response));
}

/** A framed notice that a node lost flows. */
export function lostFrame(nodeName: string, ns: bigint, events: number): Uint8Array {
  const response = create(GetFlowsResponseSchema, {
    responseTypes: {
      case: 'lostEvents',
      value: { source: LostEventSource.HUBBLE_RING_BUFFER, numEventsLost: BigInt(events) },
    },
    nodeName,
    time: timestamp(ns),
  });
  return frameMessage(toBinary(GetFlowsResponseSchema, response));
}

/** Frames back to back, as a batch with times. */
export function batchOf(frames: readonly Uint8Array[]): FlowBatch {
  const offsets = new Uint32Array(frames.length + 1);
  for (const [i, frame] of frames.entries()) offsets[i + 1] = offsets[i] + frame.length;
  return withTimes({ bytes: Buffer.concat(frames), count: frames.length, offsets });
}

/** The messages of a run of frames. */
export function decodeRun({ bytes, offsets, count }: FrameRun): GetFlowsResponse[] {
  return Array.from({ length: count }, (_, i) =>
    fromBinary(GetFlowsResponseSchema, bytes.subarray(offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1])),
  );
}

/** What a response is, in a word: a flow's summary, or what was lost. */
export function wordOf({ responseTypes }: GetFlowsResponse): string {
  switch (responseTypes.case) {
    case 'flow':
      return responseTypes.value.Summary;
    case 'lostEvents':
      return `lost ${responseTypes.value.numEventsLost}`;
    case 'nodeStatus':
      return `status ${responseTypes.value.stateChange} ${responseTypes.value.nodeNames.join(',')}`;
    default:
      return 'empty';
  }
}
