import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { Flow, FlowSchema, LostEventSchema } from '../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { NodeStatusEventSchema } from '../../proto/gen/relay/relay_pb.ts';

/** 2026-03-04T09:15:22.118204511Z and `ms` later. */
export function sampleTime(ms = 0): Timestamp {
  const nanos = 118_204_511 + ms * 1_000_000;
  return create(TimestampSchema, {
    seconds: BigInt(1_772_615_722 + Math.floor(nanos / 1e9)),
    nanos: nanos % 1e9,
  });
}

/** Fields of a flow as plain values. */
export type FlowInit = Exclude<MessageInitShape<typeof FlowSchema>, Flow>;

/** A request from shop/cart-7d9 to shop/pay-5b7 as a trace event of node n1; `change` replaces whole fields. */
export function sampleFlow(change: FlowInit = {}): FlowInit {
  return {
    time: sampleTime(),
    nodeName: 'n1',
    verdict: 1,
    IP: { source: '10.1.2.3', destination: '10.1.9.8', ipVersion: 1 },
    l4: {
      protocol: { case: 'TCP', value: { sourcePort: 41532, destinationPort: 8443, flags: { SYN: true } } },
    },
    source: { ID: 311, identity: 20417, namespace: 'shop', podName: 'cart-7d9' },
    destination: { identity: 31002, namespace: 'shop', podName: 'pay-5b7' },
    Type: 1,
    eventType: { type: 4, subType: 0 },
    isReply: false,
    Summary: 'TCP Flags: SYN',
    ...change,
  };
}

/** A flow in its envelope. */
export function flowResponse(change: FlowInit = {}): GetFlowsResponse {
  const flow = sampleFlow(change);
  return create(GetFlowsResponseSchema, {
    nodeName: flow.nodeName ?? '',
    ...(flow.time !== undefined && { time: flow.time }),
    responseTypes: { case: 'flow', value: flow },
  });
}

/** A loss in its envelope. */
export function lostResponse(
  value: MessageInitShape<typeof LostEventSchema>,
  nodeName = 'n1',
): GetFlowsResponse {
  return create(GetFlowsResponseSchema, {
    nodeName,
    time: sampleTime(),
    responseTypes: { case: 'lostEvents', value },
  });
}

/** A node state as a relay tells it. */
export function nodeStatusResponse(value: MessageInitShape<typeof NodeStatusEventSchema>): GetFlowsResponse {
  return create(GetFlowsResponseSchema, {
    nodeName: 'relay-0',
    time: sampleTime(),
    responseTypes: { case: 'nodeStatus', value },
  });
}

/** Takes a field out of the flow of a response. */
export function withoutField(response: GetFlowsResponse, name: keyof Flow): GetFlowsResponse {
  if (response.responseTypes.case === 'flow') delete (response.responseTypes.value as Partial<Flow>)[name];
  return response;
}
