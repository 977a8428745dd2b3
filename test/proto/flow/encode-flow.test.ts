import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { FlowEncoder } from '../../../proto/flow/encode-flow.ts';
import { FlowRecord } from '../../../proto/flow/flow-record.ts';
import { EmitterSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema, type GetFlowsResponse } from '../../../proto/gen/observer/observer_pb.ts';
import { recordAndFlow } from '../../support/flow-record-arbitrary.ts';

const options = {
  nodeName: 'east/node1',
  nodeLabels: ['kubernetes.io/os=linux', 'topology.kubernetes.io/zone=a'],
  emitter: { name: 'Sluice', version: '0.1.0' },
  seed: Uint32Array.of(1, 2, 3, 4),
};
const encoder = new FlowEncoder(options);
const out = new Uint8Array(64 * 1024);

function encode(record: FlowRecord, at = 3): { frame: Uint8Array; message: GetFlowsResponse } {
  const end = encoder.encode(record, out, at);
  assert.ok(
    end - at <= encoder.maxBytes(record),
    `${end - at} bytes, at most ${encoder.maxBytes(record)} announced`,
  );
  const frame = out.slice(at, end);
  return { frame, message: fromBinary(GetFlowsResponseSchema, frame.subarray(5)) };
}

describe('FlowEncoder', () => {
  it('writes byte for byte what protobuf-es writes for the same flow', () => {
    fc.assert(
      fc.property(recordAndFlow, ({ record, flow }) => {
        const { frame, message } = encode(record);
        assert.equal(message.responseTypes.case, 'flow');
        const seen = message.responseTypes.value;
        flow.uuid = seen.uuid;
        if (flow.l7 === undefined) flow.Summary = seen.Summary;
        flow.nodeName = options.nodeName;
        flow.nodeLabels = options.nodeLabels;
        flow.emitter = create(EmitterSchema, options.emitter);
        const expected = create(GetFlowsResponseSchema, {
          responseTypes: { case: 'flow', value: flow },
          nodeName: options.nodeName,
        });
        if (flow.time !== undefined) expected.time = flow.time;
        const bytes = toBinary(GetFlowsResponseSchema, expected);
        assert.deepEqual(Buffer.from(frame.subarray(5)), Buffer.from(bytes));
        assert.equal(frame[0], 0);
        assert.equal(Buffer.from(frame).readUInt32BE(1), bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps lengths right when a nested message outgrows its usual length bytes', () => {
    for (const size of [0, 1, 23, 24, 25, 126, 127, 128, 129, 16_000, 16_383, 16_384, 40_000]) {
      const record = new FlowRecord();
      record.policies = Buffer.concat([
        Buffer.from([0xf2, 0xa0, 0x0a]),
        varint(size),
        Buffer.alloc(size, 'x'),
      ]);
      const { message } = encode(record);
      const flow = message.responseTypes.value as { policyLog: string[] };
      assert.equal(flow.policyLog[0]?.length, size);
    }
  });

  it('gives every flow a version-4 UUID of its own', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 10_000; i++) {
      const flow = encode(new FlowRecord()).message.responseTypes.value as { uuid: string };
      assert.match(flow.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      seen.add(flow.uuid);
    }
    assert.equal(seen.size, 10_000);
  });

  it('summarises packets as Hubble does', () => {
    const record = new FlowRecord();
    const summary = (): string => (encode(record).message.responseTypes.value as { Summary: string }).Summary;
    assert.equal(summary(), 'Ethernet');
    Object.assign(record, { l4: 1, tcpFlags: 0x12 });
    assert.equal(summary(), 'TCP Flags: SYN, ACK');
    Object.assign(record, { l4: 2 });
    assert.equal(summary(), 'UDP');
    Object.assign(record, { l4: 3, icmpType: 3, icmpCode: 3 });
    assert.equal(summary(), 'ICMPv4 DestinationUnreachable(Port)');
    Object.assign(record, { l4: 4, icmpType: 135, icmpCode: 0 });
    assert.equal(summary(), 'ICMPv6 NeighborSolicitation');
    Object.assign(record, { l4: 3, icmpType: 200, icmpCode: 7 });
    assert.equal(summary(), 'ICMPv4 200(7)');
    Object.assign(record, { l4: 6, icmpType: 1 });
    assert.equal(summary(), 'VRRP Advertisement');
    Object.assign(record, { l4: 7, icmpType: 0x16 });
    assert.equal(summary(), 'IGMP MembershipReportV2');
    Object.assign(record, { l4: 7, icmpType: 0x99 });
    assert.equal(summary(), 'IGMP 153');
  });
});

function varint(value: number): Buffer {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}
