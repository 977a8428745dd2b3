import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Flow,
  FlowSchema,
  IPVersion,
  TrafficDirection,
  Verdict,
} from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';

type FlowInit = Exclude<MessageInitShape<typeof FlowSchema>, Flow>;

/** A request from a pod to another one over TCP, forwarded; with what else is said of it. */
export function sampleFlow(more: FlowInit = {}): Flow {
  const usual: FlowInit = {
    time: timestampFromMs(Date.parse('2026-03-04T09:15:22.204Z')),
    uuid: 'f0',
    verdict: Verdict.FORWARDED,
    nodeName: 'east/n1',
    IP: { source: '10.0.0.1', destination: '10.0.1.2', ipVersion: IPVersion.IPv4 },
    l4: {
      protocol: { case: 'TCP', value: { sourcePort: 41_882, destinationPort: 8443, flags: { SYN: true } } },
    },
    source: {
      identity: 4711,
      namespace: 'checkout',
      podName: 'promo-6f9c',
      clusterName: 'east',
      labels: ['k8s:app=promo', 'k8s:pod-template-hash=6f9c', 'k8s:io.kubernetes.pod.namespace=checkout'],
      workloads: [{ kind: 'Deployment', name: 'promo' }],
    },
    destination: {
      identity: 4712,
      namespace: 'payments',
      podName: 'ledger-0',
      clusterName: 'east',
      labels: ['k8s:app=ledger', 'k8s:tier=be'],
      workloads: [{ kind: 'StatefulSet', name: 'ledger' }],
    },
    trafficDirection: TrafficDirection.EGRESS,
    isReply: false,
  };
  return create(FlowSchema, { ...usual, ...more });
}

/** A flow as GetFlows sends it. */
export function flowMessage(flow: Flow): Uint8Array {
  return toBinary(
    GetFlowsResponseSchema,
    create(GetFlowsResponseSchema, {
      responseTypes: { case: 'flow', value: flow },
      nodeName: flow.nodeName,
      ...(flow.time !== undefined && { time: flow.time }),
    }),
  );
}

/** Told losses as GetFlows sends them. */
export function lostMessage(events: number): Uint8Array {
  return toBinary(
    GetFlowsResponseSchema,
    create(GetFlowsResponseSchema, {
      responseTypes: { case: 'lostEvents', value: { numEventsLost: BigInt(events) } },
      nodeName: 'east/n1',
    }),
  );
}
