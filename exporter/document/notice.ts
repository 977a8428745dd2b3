import { fromBinary } from '@bufbuild/protobuf';
import { LostEventSource } from '../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { enumName } from '../../proto/flow/text/enum-name.ts';
import { WireError } from '../../proto/flow/wire.ts';
import { jsonBytes } from '../../proto/flow/json/json-bytes.ts';

/** What the document of a message that is no flow says beside time and node: `"event":{…},"sluice":{…}`. Throws WireError for what is no message. */
export function noticeJson(message: Uint8Array): Uint8Array {
  let response: GetFlowsResponse;
  try {
    response = fromBinary(GetFlowsResponseSchema, message);
  } catch (error) {
    throw new WireError('malformed', `message does not decode: ${(error as Error).message}`);
  }
  return jsonBytes(JSON.stringify(noticeOf(response)).slice(1, -1));
}

function noticeOf({ responseTypes }: GetFlowsResponse): object {
  switch (responseTypes.case) {
    case 'lostEvents': {
      const { source, numEventsLost, cpu } = responseTypes.value;
      return {
        event: { action: 'lost', outcome: 'failure', reason: enumName(LostEventSource, source) },
        sluice: { lost: { count: Number(numEventsLost), cpu } },
      };
    }
    case 'nodeStatus': {
      const { stateChange, nodeNames, message } = responseTypes.value;
      return {
        event: { action: 'node-status', outcome: 'unknown', reason: enumName(NodeState, stateChange) },
        sluice: { nodes: nodeNames, message: message === '' ? undefined : message },
      };
    }
    default:
      throw new WireError('malformed', 'message holds neither a flow nor a notice that is known');
  }
}
