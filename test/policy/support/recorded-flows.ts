import { toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type RecorderOptions, TrafficRecorder } from '../../../policy/index.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { type FlowInit, flowResponse, sampleFlow } from '../../support/build-responses.ts';

/** An end of a recorded flow. */
export interface RecordedEnd {
  readonly endpoint: { identity: number; namespace?: string; podName?: string; labels?: string[] } & Record<
    string,
    unknown
  >;
  readonly ip: string;
  readonly names: string[];
}

export function pod(
  namespace: string,
  app: string,
  cluster = 'east',
  labels: Record<string, string> = { app },
): RecordedEnd {
  const own = Object.entries(labels).map(([key, value]) => `k8s:${key}=${value}`);
  return {
    endpoint: {
      identity: 20_000 + app.length,
      namespace,
      podName: `${app}-0`,
      clusterName: cluster,
      workloads: [{ name: app, kind: 'Deployment' }],
      labels: [
        ...own,
        `k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=${namespace}`,
        `k8s:io.cilium.k8s.policy.cluster=${cluster}`,
        `k8s:io.cilium.k8s.policy.serviceaccount=${app}`,
        `k8s:io.kubernetes.pod.namespace=${namespace}`,
      ],
    },
    ip: `10.${cluster.length}.${namespace.length}.${app.length}`,
    names: [],
  };
}

export function outside(ip: string, names: string[] = []): RecordedEnd {
  return { endpoint: { identity: 2, labels: ['reserved:world'] }, ip, names };
}

export function node(name: 'host' | 'remote-node' | 'kube-apiserver' | 'health'): RecordedEnd {
  const identity = { host: 1, health: 4, 'remote-node': 6, 'kube-apiserver': 7 }[name];
  return { endpoint: { identity, labels: [`reserved:${name}`] }, ip: '172.30.0.1', names: [] };
}

export interface RecordedPacket {
  readonly source: RecordedEnd;
  readonly destination: RecordedEnd;
  readonly port: number;
  /** 1 ingress (the default), 2 egress. */
  readonly direction?: 1 | 2;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP' | 'ICMPv4' | 'ICMPv6' | 'IGMP';
}

/** A forwarded packet of a connection's original direction. */
export function flowOf({
  source,
  destination,
  port,
  direction = 1,
  protocol = 'TCP',
}: RecordedPacket): FlowInit {
  const ports = { sourcePort: 40_000, destinationPort: port };
  const l4 =
    protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP'
      ? ({ case: protocol, value: ports } as const)
      : protocol === 'IGMP'
        ? ({ case: protocol, value: {} } as const)
        : ({ case: protocol, value: { type: port & 0xff, code: 0 } } as const);
  return sampleFlow({
    source: source.endpoint,
    destination: destination.endpoint,
    IP: { source: source.ip, destination: destination.ip, ipVersion: source.ip.includes(':') ? 2 : 1 },
    l4: { protocol: l4 },
    sourceNames: source.names,
    destinationNames: destination.names,
    trafficDirection: direction,
  });
}

/** A recorder that has taken these flows. */
export function recordedBy(flows: readonly FlowInit[], options: RecorderOptions = {}): TrafficRecorder {
  const recorder = new TrafficRecorder(options);
  for (const flow of flows) {
    const bytes = toBinary(GetFlowsResponseSchema, flowResponse(flow));
    recorder.add(bytes, 0, bytes.length);
  }
  return recorder;
}

const labelSets: fc.Arbitrary<Record<string, string>> = fc.constantFrom<Record<string, string>>(
  {},
  { app: 'x' },
  { app: 'x', tier: 'front' },
  { app: 'y', version: 'v1', 'pod-template-hash': '1' },
  { 'app.kubernetes.io/name': 'x', app: 'y' },
  { 'k8s-app': 'kube-dns' },
  { team: 'true', build: '1e3' },
);
const ends: fc.Arbitrary<RecordedEnd> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom('shop', 'bank', 'kube-system'),
        fc.constantFrom('cart', 'pay', 'Ledger_1', 'a.b'),
        fc.constantFrom('east', 'west'),
        labelSets,
      )
      .map(([namespace, app, cluster, labels]) => pod(namespace, app, cluster, labels)),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.nat(6),
        fc.boolean(),
        fc.array(fc.constantFrom('a.example', 'b.example\n- {}', 'c: d'), { maxLength: 2 }),
      )
      .map(([host, isIpv6, names]) => outside(isIpv6 ? `2001:db8::${host}` : `198.51.100.${host}`, names)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('host', 'remote-node', 'kube-apiserver', 'health').map((name) => node(name)),
  },
);

/** Packets of a small fleet, some denied, audited, or replies. */
export const packets: fc.Arbitrary<FlowInit> = fc
  .tuple(
    ends,
    ends,
    fc.constantFrom(53, 80, 81, 82, 8, 443, 65_535, 0),
    fc.constantFrom(1 as const, 2 as const),
    fc.constantFrom('TCP', 'UDP', 'SCTP', 'ICMPv4', 'ICMPv6', 'IGMP'),
    fc.constantFrom<FlowInit>(
      {},
      {},
      {},
      { verdict: 4 },
      { verdict: 2, dropReasonDesc: 133 },
      { isReply: true },
    ),
  )
  .map(([source, destination, port, direction, protocol, change]) => ({
    ...flowOf({ source, destination, port, direction, protocol }),
    ...change,
  }));
