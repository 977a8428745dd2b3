import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { FlowFilterSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { HealthCheckRequestSchema } from '../../../proto/gen/grpc/health/v1/health_pb.ts';
import {
  GetAgentEventsRequestSchema,
  GetFlowsRequestSchema,
  GetNamespacesRequestSchema,
  ServerStatusRequestSchema,
} from '../../../proto/gen/observer/observer_pb.ts';
import { NotifyRequestSchema } from '../../../proto/gen/peer/peer_pb.ts';
import { AggregateFlowsRequestSchema } from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import { GetStatusRequestSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';

/** A well-formed call, to be spoilt. */
export interface SampleCall {
  readonly path: string;
  readonly schema: DescMessage;
  readonly request: Uint8Array;
}

function call<T extends DescMessage>(path: string, schema: T, init?: MessageInitShape<T>): SampleCall {
  return { path, schema, request: toBinary(schema, create(schema, init)) };
}

const everyKind: MessageInitShape<typeof FlowFilterSchema> = {
  sourceIp: ['10.0.0.0/8', 'fd00::1'],
  sourcePod: ['default/pod-1', 'kube-system/'],
  sourceFqdn: ['*.example.com'],
  sourceLabel: ['app in (a, b),!c', 'k8s:x=y'],
  destinationPort: ['80', '443'],
  verdict: [1, 2],
  httpStatusCode: ['404', '5+'],
  httpPath: ['/(a|b)*c+.{1,20}$'],
  dnsQuery: ['^(x+)+y$'],
  protocol: ['tcp', 'dns'],
  nodeName: ['east/n*'],
  eventType: [{ type: 4, matchSubType: true, subType: 3 }],
  nodeLabels: ['zone=1'],
  experimental: { celExpression: ['_flow.verdict == 1 && size(_flow.source.labels) > 0'] },
};

/** One of every kind of call that an agent serves. */
export const sampleCalls: readonly SampleCall[] = [
  call('/observer.Observer/GetFlows', GetFlowsRequestSchema, { number: 5n }),
  call('/observer.Observer/GetFlows', GetFlowsRequestSchema, { number: 3n, follow: true }),
  call('/observer.Observer/GetFlows', GetFlowsRequestSchema, {
    first: true,
    whitelist: [everyKind, { destinationPod: ['pod-3'] }],
    blacklist: [{ sourceIp: ['192.168.0.0/16'] }],
    fieldMask: { paths: ['time', 'source.pod_name', 'l4'] },
    since: { seconds: 1n, nanos: 5 },
    until: { seconds: 4_000_000_000n, nanos: 0 },
  }),
  call('/observer.Observer/GetAgentEvents', GetAgentEventsRequestSchema, { number: 4n }),
  call('/observer.Observer/GetNamespaces', GetNamespacesRequestSchema),
  call('/observer.Observer/ServerStatus', ServerStatusRequestSchema),
  call('/peer.Peer/Notify', NotifyRequestSchema),
  call('/sluice.v1.Aggregation/AggregateFlows', AggregateFlowsRequestSchema),
  call('/sluice.v1.Diagnostics/GetStatus', GetStatusRequestSchema),
  call('/grpc.health.v1.Health/Check', HealthCheckRequestSchema, { service: 'hubble.server.Observer' }),
  call('/grpc.health.v1.Health/Watch', HealthCheckRequestSchema),
  call('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', NotifyRequestSchema),
  call('/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', NotifyRequestSchema),
];
