import {
  create,
  createRegistry,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { type Any, anyPack, StringValueSchema, StructSchema } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { escapeJson } from '../../../../proto/flow/text/json-string.ts';
import { memberJson, messageJson } from '../../../../proto/flow/text/json-text.ts';
import { AgentEventSchema, FlowFilterSchema, FlowSchema } from '../../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';
import { GetStatusResponseSchema } from '../../../../proto/gen/sluice/v1/diagnostics_pb.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('<a>&"\\', '\u2028\u2029', '\u0000\u001f\u007f\n'),
);

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 8 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.UINT32:
      return fc.nat(2 ** 32 - 1);
    default:
      return fc.integer();
  }
}

const timestamp = fc.record({
  seconds: fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
  nanos: fc.oneof(
    fc.constant(0),
    fc.nat(999).map((n) => n * 1_000_000),
    fc.nat(999_999_999),
  ),
});

function single(kind: string | undefined, field: DescField, depth: number): fc.Arbitrary<unknown> {
  // Enum values beyond those that exist are printed as numbers.
  if (kind === 'enum') return fc.nat(300);
  if (kind === 'scalar') return scalar(field.scalar!);
  const schema = field.message!;
  if (schema.typeName === 'google.protobuf.Timestamp') return timestamp;
  if (/^google\.protobuf\.\w+Value$/.test(schema.typeName) && field.fieldKind === 'message') {
    return scalar(schema.fields[0].scalar!);
  }
  if (schema.typeName.startsWith('google.protobuf.')) return fc.constant(undefined);
  return depth === 0 ? fc.constant({}) : message(schema, depth - 1);
}

function field(desc: DescField, depth: number): fc.Arbitrary<unknown> {
  if (desc.fieldKind === 'list') return fc.array(single(desc.listKind, desc, depth), { maxLength: 2 });
  if (desc.fieldKind === 'map')
    return fc.dictionary(fc.string(), single(desc.mapKind, desc, depth), { maxKeys: 2 });
  return single(desc.fieldKind, desc, depth);
}

/** Plain values for a message of any kind, every field there or not. */
function message(schema: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const plain = schema.fields.filter(({ oneof }) => oneof === undefined);
  const oneofs = schema.oneofs.map((oneof) => {
    const members = oneof.fields.map((desc) =>
      field(desc, depth).map((value) => ({ case: desc.localName, value })),
    );
    return [oneof.localName, fc.oneof(fc.constant({ case: undefined }), ...members)] as const;
  });
  const fields = plain.map(
    (desc) => [desc.localName, fc.option(field(desc, depth), { nil: undefined })] as const,
  );
  return fc.record(Object.fromEntries([...fields, ...oneofs]));
}

function build(schema: DescMessage, values: Record<string, unknown>): Message {
  const present = Object.entries(values).filter(([, value]) => value !== undefined);
  return create(schema, Object.fromEntries(present));
}

describe('messageJson()', () => {
  for (const schema of [
    GetFlowsResponseSchema,
    FlowFilterSchema,
    AgentEventSchema,
    GetStatusResponseSchema,
  ]) {
    it(`says of a ${schema.typeName} what protobuf-es says`, () => {
      fc.assert(
        fc.property(message(schema, 3), (values) => {
          const built = build(schema, values);
          const json = messageJson(schema, built);
          assert.deepEqual(
            JSON.parse(json),
            toJson(schema as DescMessage, built, { useProtoFieldName: true }),
          );
          assert.doesNotMatch(json, /[<>&\u2028\u2029]/);
          assert.equal(
            escapeJson(JSON.stringify(JSON.parse(json))),
            json.replace(/(?<=[:[,])-0(?=[,}\]])/g, '0'), // JSON.stringify knows no -0
            'no white space, escapes as in Go',
          );
        }),
        { numRuns: 300 },
      );
    });
  }

  it('tells -0 from a default', () => {
    const status = create(GetStatusResponseSchema, { nodes: [{ cpuSeconds: -0 }, { cpuSeconds: 0 }] });
    assert.equal(messageJson(GetStatusResponseSchema, status), '{"nodes":[{"cpu_seconds":-0},{}]}');
  });

  it('writes fields in the order of definition, and leaves defaults out', () => {
    const response = create(GetFlowsResponseSchema, {
      nodeName: 'n1',
      time: { seconds: 1_772_615_722n, nanos: 118_204_511 },
      responseTypes: {
        case: 'flow',
        value: {
          time: { seconds: 1_772_615_722n, nanos: 118_204_511 },
          verdict: 1,
          IP: { source: '10.1.2.3', destination: '10.1.9.8', ipVersion: 1 },
          l4: {
            protocol: {
              case: 'TCP',
              value: { sourcePort: 41532, destinationPort: 8443, flags: { SYN: true } },
            },
          },
          source: {
            ID: 311,
            identity: 20417,
            namespace: 'shop',
            labels: ['k8s:app=cart'],
            podName: 'cart-7d9',
          },
          Type: 1,
          nodeName: 'n1',
          eventType: { type: 4 },
          isReply: false,
          Summary: 'TCP Flags: SYN',
        },
      },
    });
    assert.equal(
      messageJson(GetFlowsResponseSchema, response),
      '{"flow":{"time":"2026-03-04T09:15:22.118204511Z","verdict":"FORWARDED","IP":{"source":"10.1.2.3","destination":"10.1.9.8","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":41532,"destination_port":8443,"flags":{"SYN":true}}},"source":{"ID":311,"identity":20417,"namespace":"shop","labels":["k8s:app=cart"],"pod_name":"cart-7d9"},"Type":"L3_L4","node_name":"n1","event_type":{"type":4},"is_reply":false,"Summary":"TCP Flags: SYN"},"node_name":"n1","time":"2026-03-04T09:15:22.118204511Z"}',
    );
  });

  it('prints a message that is there but empty as {}', () => {
    assert.equal(
      messageJson(FlowSchema, create(FlowSchema, { source: {}, sourceService: {} })),
      '{"source":{},"source_service":{}}',
    );
  });

  it('shows what an Any holds if it knows the type, else its bytes', () => {
    const extension = (extensions: Any): unknown =>
      JSON.parse(messageJson(FlowSchema, create(FlowSchema, { extensions })));
    const struct = create(StructSchema, { fields: { bytes: { kind: { case: 'numberValue', value: 5 } } } });
    const known = anyPack(StructSchema, struct);
    assert.deepEqual(extension(known), {
      extensions: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { bytes: 5 } },
    });
    const registry = createRegistry(StringValueSchema, FlowSchema);
    const wrapped = anyPack(StringValueSchema, create(StringValueSchema, { value: 'x' }));
    const flow = create(FlowSchema, { extensions: wrapped });
    assert.deepEqual(extension(wrapped), toJson(FlowSchema, flow, { useProtoFieldName: true, registry }));
    const nested = anyPack(FlowSchema, create(FlowSchema, { verdict: 2 }));
    assert.deepEqual(extension(nested), {
      extensions: { '@type': 'type.googleapis.com/flow.Flow', verdict: 'DROPPED' },
    });
    assert.deepEqual(extension({ ...known, typeUrl: 'example.com/other.Type' }), {
      extensions: {
        '@type': 'example.com/other.Type',
        value: Buffer.from(toBinary(StructSchema, struct)).toString('base64'),
      },
    });
  });

  it('throws for an impossible timestamp anywhere', () => {
    const flow = create(FlowSchema, { time: { seconds: 0n, nanos: 1_000_000_000 } });
    assert.throws(() => messageJson(FlowSchema, flow), /invalid timestamp: 0 s 1000000000 ns/);
  });

  it('prints numbers of enums that it does not know', () => {
    assert.equal(messageJson(FlowSchema, create(FlowSchema, { verdict: 77 as never })), '{"verdict":77}');
  });
});

describe('memberJson()', () => {
  it('has the fields that are there, by proto name', () => {
    const filter = create(FlowFilterSchema, { sourcePod: ['a/b'], ipTraceId: [5n] });
    assert.deepEqual(
      [...memberJson(FlowFilterSchema, filter)],
      [
        ['source_pod', '["a/b"]'],
        ['ip_trace_id', '["5"]'],
      ],
    );
  });
});
