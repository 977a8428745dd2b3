import { create, toBinary } from '@bufbuild/protobuf';
import type { Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { frameMessage } from '../../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { type FlowInit, sampleFlow, sampleTime } from './build-responses.ts';

/** A framed flow `ms` after a fixed moment, from a pod in the namespace "shop" to a port, with a verdict (1 forwarded, 2 dropped). */
export function podFrame(pod: string, port: number, verdict = 1, ms = 0, more: FlowInit = {}): Uint8Array {
  const flow = sampleFlow({
    time: sampleTime(ms),
    verdict: verdict as Verdict,
    source: { namespace: 'shop', podName: pod, workloads: [{ name: pod.split('-')[0], kind: 'Deployment' }] },
    l4: { protocol: { case: 'TCP', value: { sourcePort: 40_000 + ms, destinationPort: port } } },
    ...more,
  });
  const response = create(GetFlowsResponseSchema, {
    responseTypes: { case: 'flow', value: flow },
    nodeName: flow.nodeName ?? '',
    time: sampleTime(ms),
  });
  return frameMessage(toBinary(GetFlowsResponseSchema, response));
}
