import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  EndpointSchema,
  type Flow,
  type FlowSchema,
  type L7FlowType,
  type TrafficDirection,
} from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { sampleEndpoint } from './sample-flows.ts';

type FlowInit = Exclude<MessageInitShape<typeof FlowSchema>, Flow>;

function layer7(i: number): FlowInit {
  const type = (1 + (i % 2)) as L7FlowType;
  if (i % 2 === 0) {
    return {
      eventType: { type: 129 },
      l7: {
        type,
        latencyNs: BigInt(i % 1_000_000),
        record: {
          case: 'http',
          value: {
            code: [0, 200, 201, 404, 503][Math.floor(i / 10) % 5],
            method: ['GET', 'POST'][i % 2],
            url: `http://app-${i % 97}.team-${i % 23}:8080/api/v${i % 3}/orders/${i * 7919}?page=${i % 9}`,
            protocol: 'HTTP/1.1',
            headers: [
              { key: 'Host', value: `app-${i % 97}` },
              { key: 'User-Agent', value: 'curl/8.9.1' },
              { key: 'X-Request-Id', value: String(i * 7919) },
            ],
          },
        },
      },
    };
  }
  return {
    eventType: { type: 129 },
    l7: {
      type,
      record: { case: 'dns', value: { query: `api-${i % 31}.example.org.`, qtypes: ['A'], rrtypes: ['A'] } },
    },
  };
}

/** Encoded responses as a relay sees them: of ten flows seven TCP packets, one drop, and two of HTTP or DNS. Without a number of pods each flow has ends of its own. */
export function mixedFlows(count: number, pods = Number.POSITIVE_INFINITY): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const kind = i % 10;
    const flow: FlowInit = {
      time: { seconds: 1_795_000_000n + BigInt(i), nanos: 123_457 },
      uuid: `b9fab269-04ae-495c-9d12-${String(i).padStart(12, '0')}`,
      verdict: kind === 7 ? 2 : 1,
      dropReasonDesc: kind === 7 ? 133 : 0,
      ethernet: { source: '0a:58:0a:01:01:02', destination: '0a:58:0a:01:02:03' },
      IP: {
        source: `10.1.${i % 200}.${i % 250}`,
        destination: i % 4 === 0 ? '2001:db8::1' : `10.2.${i % 150}.${i % 240}`,
        ipVersion: 1,
      },
      l4: {
        protocol: {
          case: 'TCP',
          value: {
            sourcePort: 32_768 + (i % 28_000),
            destinationPort: [8080, 443, 5432, 53][i % 4],
            flags: { SYN: i % 3 === 0, ACK: i % 3 !== 0 },
          },
        },
      },
      source: fromBinary(EndpointSchema, sampleEndpoint(i % pods)),
      destination: fromBinary(EndpointSchema, sampleEndpoint((i * 7 + 1) % pods)),
      Type: 1,
      nodeName: `east/node${i % 5}`,
      destinationNames: i % 4 === 0 ? [`api-${i % 31}.example.org`] : [],
      eventType: { type: kind === 7 ? 1 : 4, subType: i % 2 === 0 ? 0 : 3 },
      trafficDirection: (1 + (i % 2)) as TrafficDirection,
      traceObservationPoint: i % 2 === 0 ? 101 : 3,
      isReply: i % 2 === 0,
      interface: { index: 10 + (i % 40), name: `veth${i % 40}` },
      Summary: 'TCP Flags: SYN',
      ...(kind > 7 && layer7(i)),
    };
    return toBinary(
      GetFlowsResponseSchema,
      create(GetFlowsResponseSchema, {
        responseTypes: { case: 'flow', value: flow },
        nodeName: `east/node${i % 5}`,
        time: { seconds: 1_795_000_000n + BigInt(i), nanos: 123_457 },
      }),
    );
  });
}
