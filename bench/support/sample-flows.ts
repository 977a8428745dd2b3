import { create, toBinary } from '@bufbuild/protobuf';
import { FlowRecord, L4_TCP } from '../../proto/flow/flow-record.ts';
import { EndpointSchema, NetworkInterfaceSchema } from '../../proto/gen/flow/flow_pb.ts';

/** Endpoint messages of pods as they look in a fleet: five labels, a workload, a cluster. */
export function sampleEndpoint(i: number): Uint8Array {
  const app = `app-${i % 97}`;
  return toBinary(
    EndpointSchema,
    create(EndpointSchema, {
      ID: i % 60_000,
      identity: 65_536 + (i % 5000),
      namespace: `team-${i % 23}`,
      labels: [
        `k8s:app=${app}`,
        `k8s:io.cilium.k8s.policy.cluster=east`,
        `k8s:io.cilium.k8s.policy.serviceaccount=default`,
        `k8s:io.kubernetes.pod.namespace=team-${i % 23}`,
        `k8s:version=v${i % 3}`,
      ],
      podName: `${app}-5d8f7c9b4-${(i * 7919).toString(36).padStart(5, 'x')}`,
      workloads: [{ name: app, kind: 'Deployment' }],
      clusterName: 'east',
    }),
  );
}

/** Endpoint messages as small as they come: a namespace, a pod, a label. */
export function smallEndpoint(i: number): Uint8Array {
  const app = `app-${i % 97}`;
  return toBinary(
    EndpointSchema,
    create(EndpointSchema, {
      identity: 65_536 + (i % 5000),
      namespace: `team-${i % 23}`,
      labels: [`k8s:app=${app}`],
      podName: `${app}-${(i * 7919).toString(36).padStart(5, 'x')}`,
    }),
  );
}

/** A record of a TCP packet between two pods; `i` varies ends, ports, flags and time. */
export function sampleRecord(i: number, record = new FlowRecord()): FlowRecord {
  const packet = new Uint8Array(54);
  for (let at = 0; at < packet.length; at++) packet[at] = (i * 31 + at * 7) & 255;
  packet[26] = 10;
  packet[30] = 10;
  return Object.assign(record, {
    seconds: 1_795_000_000 + Math.floor(i / 1000),
    nanos: (i % 1000) * 1_000_000 + 123_457,
    verdict: 1,
    packet,
    ethernetOffset: 0,
    ipVersion: 1,
    addressOffset: 26,
    l4: L4_TCP,
    sourcePort: 32_768 + (i % 28_000),
    destinationPort: 8080,
    tcpFlags: [0x02, 0x12, 0x11, 0x18][i % 4],
    eventType: 4,
    eventSubType: i % 2 === 0 ? 0 : 11,
    observationPoint: i % 2 === 0 ? 101 : 11,
    trafficDirection: 1 + (i % 2),
    isReply: i % 2,
    traceReason: 1 + (i % 3),
    networkInterface: toBinary(
      NetworkInterfaceSchema,
      create(NetworkInterfaceSchema, { index: 10 + (i % 40), name: `veth${i % 40}` }),
    ),
  });
}
