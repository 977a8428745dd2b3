import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { frameMessage } from '../../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { type NodeState, NodeStatusEventSchema } from '../../proto/gen/relay/relay_pb.ts';

/** A node status event as a batch of one frame. */
export function statusBatch(
  relayName: string,
  state: NodeState,
  nodeNames: readonly string[],
  message = '',
): FlowBatch {
  const nowMs = Date.now();
  const response = create(GetFlowsResponseSchema, {
    responseTypes: {
      case: 'nodeStatus',
      value: create(NodeStatusEventSchema, { stateChange: state, nodeNames: [...nodeNames], message }),
    },
    nodeName: relayName,
    time: timestampFromMs(nowMs),
  });
  const bytes = frameMessage(toBinary(GetFlowsResponseSchema, response));
  return {
    bytes,
    count: 1,
    offsets: Uint32Array.of(0, bytes.length),
    timesUs: Float64Array.of(nowMs * 1000),
  };
}
