import { create, type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { anyPack, StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonBytes } from '../../../../proto/flow/json/json-bytes.ts';
import { JsonWriter } from '../../../../proto/flow/json/json-writer.ts';
import { messageJson } from '../../../../proto/flow/text/json-text.ts';
import { FlowFilterSchema, FlowSchema } from '../../../../proto/gen/flow/flow_pb.ts';
import {
  GetAgentEventsResponseSchema,
  GetFlowsResponseSchema,
} from '../../../../proto/gen/observer/observer_pb.ts';
import { GetStatusResponseSchema } from '../../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { flowResponse, lostResponse, nodeStatusResponse } from '../../../support/build-responses.ts';
import { scrambled, surrounded } from '../../../support/encoded-responses.ts';
import { messageArbitrary } from '../../../support/message-arbitrary.ts';

const writer = new JsonWriter(GetFlowsResponseSchema);

/** What a decoder and a printer make of bytes; the error of one that refuses them. */
function expected(bytes: Uint8Array, schema: DescMessage = GetFlowsResponseSchema): string | Error {
  try {
    return messageJson(schema, fromBinary(schema, bytes));
  } catch (error) {
    return error as Error;
  }
}

function actual(bytes: Uint8Array, from = writer): string | Error {
  const { bytes: around, start, end } = surrounded(bytes, 0x22);
  try {
    return from.text(around, start, end);
  } catch (error) {
    return error as Error;
  }
}

function assertSame(bytes: Uint8Array): void {
  // Twice: what recurs is remembered.
  for (let i = 0; i < 2; i++) assert.deepEqual(actual(bytes), expected(bytes));
}

const encode = (message: Message): Uint8Array => toBinary(GetFlowsResponseSchema as DescMessage, message);
const flow = (values: Parameters<typeof flowResponse>[0]): Uint8Array => encode(flowResponse(values));

const policy = { name: 'p', namespace: 'shop', labels: ['k8s:a=b'], revision: 2n ** 63n, kind: 'K' };
const cases: Readonly<Record<string, Uint8Array>> = {
  nothing: new Uint8Array(0),
  'an empty flow': flow({}),
  'a whole second': flow({ time: { seconds: 1n, nanos: 0 } }),
  milliseconds: flow({ time: { seconds: 1_772_615_722n, nanos: 120_000_000 } }),
  microseconds: flow({ time: { seconds: -1n, nanos: 1000 } }),
  nanoseconds: flow({ time: { seconds: 253_402_300_799n, nanos: 999_999_999 } }),
  'an impossible time': flow({ time: { seconds: 253_402_300_800n, nanos: 0 } }),
  'impossible nanoseconds': flow({ time: { seconds: 0n, nanos: -1 } }),
  'false that is there': flow({ isReply: false }),
  'enums without a name': flow({ verdict: 77 as never, trafficDirection: -1 as never }),
  '64 bits': flow({ socketCookie: 2n ** 64n - 1n, cgroupId: 2n ** 53n }),
  'the largest safe integer': flow({ socketCookie: 2n ** 53n - 1n, cgroupId: 2n ** 31n }),
  'rules that decided': flow({
    egressAllowedBy: [policy],
    ingressAllowedBy: [policy, {}],
    egressDeniedBy: [policy],
    ingressDeniedBy: [policy],
    policyLog: ['', 'a<b'],
    aggregate: {},
  }),
  'messages that are there but empty': flow({ source: {}, l4: {}, l7: {}, IP: {}, eventType: {} }),
  'an Any that is known': flow({
    extensions: anyPack(StructSchema, create(StructSchema, { fields: {} })),
    uuid: 'behind it',
  }),
  'an Any that holds a flow': flow({ extensions: anyPack(FlowSchema, create(FlowSchema, { verdict: 2 })) }),
  'an Any that is not known': flow({
    extensions: { typeUrl: 'example.com/x.Y', value: Uint8Array.of(0xff, 0, 1) },
  }),
  'text to escape': flow({ Summary: '<a>&"\\\u2028\u2029\u0000\u007f\n', nodeName: '\ufeffé\u{1f600}' }),
  'a long text': flow({ Summary: '\u0001'.repeat(70_000) }),
  'a lost event': encode(lostResponse({ source: 3, numEventsLost: 12n, cpu: 0 })),
  'a node state': encode(nodeStatusResponse({ stateChange: 2, nodeNames: ['a', ''], message: 'x\n' })),
};

/** Field 1 (flow) with these bytes inside. */
const inFlow = (...bytes: number[]): Uint8Array => Uint8Array.of(0x0a, bytes.length, ...bytes);
const odd: Readonly<Record<string, Uint8Array>> = {
  'half of a surrogate pair': inFlow(0x2a, 0, 0x1a, 3, 0xed, 0xa0, 0x80),
  'no UTF-8': Uint8Array.of(0xc2, 0x3e, 1, 0xff),
  'no UTF-8 in a list': inFlow(0x42, 3, 0x22, 1, 0xff),
  'no UTF-8 in a text that does not count': Uint8Array.of(0xc2, 0x3e, 1, 0xff, 0xc2, 0x3e, 1, 0x61),
  'another wire type': inFlow(0x10, 1, 0x12, 1, 2),
  'a message that is longer than the one around it': Uint8Array.of(0x0a, 2, 0x0a, 4, 0x08, 1, 0x10, 2),
  'a group': inFlow(0x9b, 0x7d, 0x08, 1, 0x9c, 0x7d),
  'field 0': inFlow(0x00, 1),
  'a cut': Uint8Array.of(0x0a, 9, 1),
  'a varint of eleven bytes': inFlow(0x10, ...Array.from({ length: 10 }, () => 0xff), 1),
  'a wrapper without a value, and one in pieces': inFlow(0xd2, 1, 0, 0xd2, 1, 2, 8, 1),
};

describe('JsonWriter', () => {
  for (const [what, bytes] of Object.entries({ ...cases, ...odd })) {
    it(`writes ${what} as a decoder and a printer do`, () => assertSame(bytes));
  }

  it('does so with any message, and itself', () => {
    const { decoded } = writer;
    let unusual = 0;
    let all = 0;
    fc.assert(
      fc.property(messageArbitrary(GetFlowsResponseSchema), (message) => {
        const bytes = encode(message);
        all++;
        if (typeof expected(bytes) !== 'string' || bytes.length > 65_536) unusual++;
        assertSame(bytes);
      }),
      { numRuns: 500 },
    );
    assert.ok(
      writer.decoded - decoded <= 2 * unusual,
      `${writer.decoded - decoded} of ${2 * all}, ${unusual} unusual`,
    );
    assert.ok(unusual < all, 'some times are possible');
  });

  it('decodes nothing of a usual flow', () => {
    const own = new JsonWriter(GetFlowsResponseSchema);
    actual(richFlow(), own);
    assert.equal(own.decoded, 0);
  });

  it('does so with messages as no encoder writes them', () => {
    fc.assert(
      fc.property(scrambled, (bytes) => assertSame(bytes)),
      { numRuns: 500 },
    );
  });

  it('does so with bytes that changed on their way', () => {
    const base = richFlow();
    const change = fc.record({ at: fc.nat(base.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = base.slice();
        for (const { at, to } of changes) bytes[at] = to;
        assertSame(bytes);
      }),
      { numRuns: 5000 },
    );
  });

  // Maps, doubles, bytes, lists of numbers: what flows do not have.
  for (const schema of [FlowFilterSchema, GetAgentEventsResponseSchema, GetStatusResponseSchema]) {
    it(`writes a ${schema.typeName} that is there but empty, and one with a field`, () => {
      const other = new JsonWriter(schema);
      for (const bytes of [new Uint8Array(0), Uint8Array.of(0x0a, 0)]) {
        assert.deepEqual(actual(bytes, other), expected(bytes, schema));
      }
    });
  }

  it('leaves what was written alone, and takes back what it could not finish', () => {
    const out = new JsonBytes();
    const written = (): string => Buffer.from(out.bytes.subarray(0, out.at)).toString();
    for (const bytes of [cases['nanoseconds'], cases['a long text']]) {
      writer.write(bytes, 0, bytes.length, out);
    }
    const before = written();
    assert.equal(before, `${expected(cases['nanoseconds'])}${expected(cases['a long text'])}`);
    for (const bytes of [odd['a cut'], cases['an impossible time']]) {
      assert.throws(() => writer.write(bytes, 0, bytes.length, out));
      assert.equal(written(), before);
    }
  });

  it('tells ends of flows apart that begin alike, also when many are remembered', () => {
    const labels = ['k8s:app=cart', 'k8s:io.kubernetes.pod.namespace=shop', 'k8s:version=v1'];
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 9000; i++) {
        const bytes = flow({ source: { ID: 5, podName: `cart-${i}`, labels } });
        const text = actual(bytes);
        assert.ok(typeof text === 'string' && text.includes(`"pod_name":"cart-${i}"`));
      }
    }
  });
});

function richFlow(): Uint8Array {
  const source = { ID: 311, identity: 20417, namespace: 'shop', labels: ['k8s:app=cart'], podName: 'c' };
  return flow({
    time: { seconds: 1_772_615_722n, nanos: 118_204_511 },
    source,
    destination: source,
    IP: { source: '10.1.2.3', destination: '10.1.9.8', ipVersion: 1 },
    l4: { protocol: { case: 'TCP', value: { sourcePort: 1, destinationPort: 80, flags: { SYN: true } } } },
    isReply: true,
    Summary: 'TCP Flags: SYN',
    verdict: 1,
    ingressDeniedBy: [policy],
    policyLog: ['a'],
  });
}
