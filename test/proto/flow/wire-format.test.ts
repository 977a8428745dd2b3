import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FlowEncoder } from '../../../proto/flow/encode-flow.ts';
import { fieldPath } from '../../../proto/flow/field-path.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { createFlowPeek, peekFlow } from '../../../proto/flow/peek-flow.ts';
import { type Flow, FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { recordAndFlow } from '../../support/flow-record-arbitrary.ts';
import { messageArbitrary } from '../../support/message-arbitrary.ts';

/** GetFlows as gRPC's own library sees it: protobufjs, which shares nothing with our codec, over the same schema files. */
const getFlows = (
  loadSync('observer/observer.proto', {
    includeDirs: [join(import.meta.dirname, '../../../proto')],
    longs: String,
    defaults: false,
    oneofs: true,
    keepCase: true,
  })['observer.Observer'] as unknown as Record<string, MethodDefinition<object, object>>
).GetFlows;

interface PlainFlow {
  verdict?: string;
  IP?: { source: string; destination: string };
  l4?: { TCP?: { source_port?: number; flags: Record<string, boolean> }; protocol?: string };
  source?: { namespace?: string; labels?: string[]; pod_name?: string };
  node_name: string;
  is_reply?: { value?: boolean } | null;
  uuid: string;
  Summary: string;
  emitter: { name: string; version: string };
}
interface PlainResponse {
  flow: PlainFlow;
  node_name: string;
  time: { seconds?: string; nanos?: number };
}

describe('the wire format', () => {
  it('of our encoder is read by another decoder as what was written', () => {
    const encoder = new FlowEncoder({
      nodeName: 'east/node1',
      nodeLabels: ['a=b', 'c=d'],
      emitter: { name: 'Sluice', version: '0.1.0' },
      seed: Uint32Array.of(4, 3, 2, 1),
    });
    const out = new Uint8Array(64 * 1024);
    fc.assert(
      fc.property(recordAndFlow, ({ record, flow }) => {
        const end = encoder.encode(record, out, 0);
        const seen = getFlows.responseDeserialize(
          Buffer.from(out.subarray(FRAME_PREFIX_BYTES, end)),
        ) as PlainResponse;
        assert.equal(seen.node_name, 'east/node1');
        assert.equal(Number(seen.time.seconds ?? 0), record.seconds);
        assert.equal(seen.time.nanos ?? 0, record.nanos);
        assert.equal(seen.flow.node_name, 'east/node1');
        assert.deepEqual({ ...seen.flow.emitter }, { name: 'Sluice', version: '0.1.0' });
        assert.equal(seen.flow.IP?.source, flow.IP?.source);
        assert.equal(seen.flow.IP?.destination, flow.IP?.destination);
        assert.deepEqual(seen.flow.source?.labels ?? [], flow.source?.labels);
        assert.equal(seen.flow.source?.pod_name ?? '', flow.source?.podName);
        assert.equal(seen.flow.l4?.protocol, flow.l4?.protocol.case);
        if (flow.l4?.protocol.case === 'TCP') {
          const { flags } = flow.l4.protocol.value;
          const names = Object.keys(seen.flow.l4?.TCP?.flags ?? {});
          assert.deepEqual(
            names,
            Object.keys(flags ?? {}).filter((name) => flags?.[name as 'SYN'] === true),
          );
        }
        assert.equal(
          seen.flow.is_reply === null || seen.flow.is_reply === undefined,
          flow.isReply === undefined,
        );
        assert.equal(seen.flow.uuid.length, 36);
        // What they read, they write the same as protobuf-es does.
        const again = getFlows.responseSerialize(seen);
        assert.deepEqual(
          fromBinary(GetFlowsResponseSchema, again),
          fromBinary(GetFlowsResponseSchema, out.subarray(FRAME_PREFIX_BYTES, end)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('of another encoder is read by our index and peek', () => {
    const index = new FlowIndex();
    const peek = createFlowPeek();
    const path = {
      verdict: fieldPath('verdict'),
      source: fieldPath('IP.source'),
      podName: fieldPath('destination.pod_name'),
      identity: fieldPath('destination.identity'),
      isReply: fieldPath('is_reply.value'),
      cookie: fieldPath('socket_cookie'),
    };
    fc.assert(
      fc.property(messageArbitrary(FlowSchema, { limit: 41 }), fc.nat(2 ** 31), (message, seconds) => {
        const flow = message as Flow;
        // Through their decoder into their objects, and out of their encoder.
        const ours = toBinary(
          GetFlowsResponseSchema,
          create(GetFlowsResponseSchema, {
            responseTypes: { case: 'flow', value: flow },
            nodeName: 'n1',
            time: { seconds: BigInt(seconds), nanos: 7 },
          }),
        );
        const theirs = getFlows.responseSerialize(getFlows.responseDeserialize(Buffer.from(ours)));
        peekFlow(theirs, 0, theirs.length, peek);
        assert.equal(peek.seconds, seconds);
        assert.equal(peek.nanos, 7);
        assert.equal(theirs.toString('utf8', peek.nodeNameStart, peek.nodeNameEnd), 'n1');
        index.reset(theirs, 0, theirs.length);
        assert.equal(index.int32(path.verdict), flow.verdict);
        assert.equal(index.text(path.source), flow.IP?.source ?? '');
        assert.equal(index.text(path.podName), flow.destination?.podName ?? '');
        assert.equal(index.uint32(path.identity), flow.destination?.identity ?? 0);
        assert.equal(index.bool(path.isReply), flow.isReply ?? false);
        assert.equal(index.uint64(path.cookie), flow.socketCookie);
      }),
      { numRuns: 300 },
    );
  });
});
