import assert from 'node:assert/strict';
import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { type FieldPath, fieldPath } from '../../../proto/flow/field-path.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { type Flow, FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { flows, kinds, responses, scrambled, surrounded } from '../../support/encoded-responses.ts';
import { messageArbitrary } from '../../support/message-arbitrary.ts';

/** Every field that can be indexed, with the names on its way. */
function indexedFields(schema: DescMessage, names: readonly string[] = []): string[][] {
  return schema.fields.flatMap((field) => {
    const path = [...names, field.name];
    if (names.length === 0 && field.number >= 42) return [];
    const inner = field.fieldKind === 'message' && path.length < 4 ? indexedFields(field.message, path) : [];
    return [path, ...inner];
  });
}

/** The messages on the way to them, with the field numbers from the response on. */
function nestedMessages(
  schema: DescMessage,
  names: readonly string[] = [],
  numbers: readonly number[] = [1],
): { schema: DescMessage; names: readonly string[]; numbers: readonly number[] }[] {
  const inner = schema.fields
    .filter(
      (field) => field.fieldKind === 'message' && (names.length > 0 || field.number < 42) && names.length < 3,
    )
    .flatMap((field) =>
      nestedMessages(field.message as DescMessage, [...names, field.name], [...numbers, field.number]),
    );
  return [{ schema, names, numbers }, ...inner];
}

const messages = nestedMessages(FlowSchema);
const fields = indexedFields(FlowSchema).map((names) => ({ names, path: fieldPath(names.join('.')) }));

/** What a message holds at a path: undefined when a message on the way is not there. */
function valueAt(flow: Flow, names: readonly string[]): { kind: string; value: unknown } {
  let message: ReflectMessage = reflect(FlowSchema, flow);
  for (const [i, name] of names.entries()) {
    const field = message.fields.find((candidate) => candidate.name === name);
    assert.ok(field);
    if (i === names.length - 1) {
      const kind = field.fieldKind === 'scalar' ? `scalar ${field.scalar}` : field.fieldKind;
      return { kind, value: field.fieldKind === 'message' ? message.isSet(field) : message.get(field) };
    }
    if (!message.isSet(field)) return { kind: 'nothing', value: undefined };
    message = message.get(field) as ReflectMessage;
  }
  throw new Error('no path');
}

function textsAt(index: FlowIndex, path: FieldPath): string[] {
  const texts: string[] = [];
  index.someText(path, (bytes, start, end) => {
    texts.push(Buffer.from(bytes.subarray(start, end)).toString());
    return false;
  });
  return texts;
}

function pairsAt(index: FlowIndex, path: FieldPath): string[][] {
  const pairs: string[][] = [];
  index.somePair(path, (bytes, start1, end1, start2, end2) => {
    pairs.push(
      [bytes.subarray(start1, end1), bytes.subarray(start2, end2)].map((text) =>
        Buffer.from(text).toString(),
      ),
    );
    return false;
  });
  return pairs;
}

/** Holds every accessor against the decoded flow. */
function assertSame(index: FlowIndex, flow: Flow): void {
  for (const { names, path } of fields) {
    const { kind, value } = valueAt(flow, names);
    const name = names.join('.');
    if (kind === 'nothing') {
      assert.equal(index.has(path), false, name);
      assert.equal(index.text(path), '', name);
      assert.equal(index.uint64(path), 0n, name);
    } else if (kind === 'message') assert.equal(index.has(path), value, name);
    else if (kind === 'enum' || kind === 'scalar 5') assert.equal(index.int32(path), value, name);
    else if (kind === 'scalar 13') assert.equal(index.uint32(path), value, name);
    else if (kind === 'scalar 4') assert.equal(index.uint64(path), value, name);
    else if (kind === 'scalar 8') assert.equal(index.bool(path), value, name);
    else if (kind === 'scalar 9') {
      assert.equal(index.text(path), value, name);
      assert.ok(
        index.matchText(
          path,
          (bytes, start, end) => Buffer.from(bytes.subarray(start, end)).toString() === value,
        ),
      );
    } else if (
      ['labels', 'node_labels', 'source_names', 'destination_names'].includes(names[names.length - 1])
    ) {
      assert.deepEqual(textsAt(index, path), [...(value as Iterable<string>)], name);
    }
  }
  const { source, l4, l7 } = flow;
  const workloads = (source?.workloads ?? []).map((workload) => [workload.name, workload.kind]);
  assert.deepEqual(pairsAt(index, fieldPath('source.workloads')), workloads);
  const http = l7?.record.case === 'http' ? l7.record.value : undefined;
  const headers = (http?.headers ?? []).map(({ key, value }) => [key, value]);
  assert.deepEqual(pairsAt(index, fieldPath('l7.http.headers')), headers);
  const members = ['TCP', 'UDP', 'ICMPv4', 'ICMPv6', 'SCTP', 'VRRP', 'IGMP'];
  assert.equal(index.layer4, members.indexOf(l4?.protocol.case ?? '') + 1);
  assert.equal(
    index.layer7,
    l7?.record.case === undefined ? 0 : { dns: 100, http: 101, kafka: 102 }[l7.record.case],
  );
  const flags = l4?.protocol.case === 'TCP' ? l4.protocol.value.flags : undefined;
  const bits = flags && [
    flags.FIN,
    flags.SYN,
    flags.RST,
    flags.PSH,
    flags.ACK,
    flags.URG,
    flags.ECE,
    flags.CWR,
    flags.NS,
  ];
  assert.equal(index.tcpFlags, bits?.reduce((sum, set, i) => sum + (set ? 1 << i : 0), 0) ?? -1);
}

describe('FlowIndex', () => {
  const index = new FlowIndex();

  it('reads what a full decoder reads', () => {
    fc.assert(
      fc.property(responses, (response) => {
        const { bytes, start, end } = surrounded(toBinary(GetFlowsResponseSchema, response), 0xff);
        index.reset(bytes, start, end);
        const { responseTypes } = response;
        assert.equal(index.kind, responseTypes.case === undefined ? 0 : kinds[responseTypes.case]);
        assertSame(index, responseTypes.case === 'flow' ? responseTypes.value : create(FlowSchema));
      }),
      { numRuns: 300 },
    );
  });

  it('reads fields in any order, repeated, in pieces and among unknown ones as a full decoder does', () => {
    fc.assert(
      fc.property(scrambled, (message) => {
        const decoded = fromBinary(GetFlowsResponseSchema, message);
        const { bytes, start, end } = surrounded(message, 0x08);
        index.reset(bytes, start, end);
        const { responseTypes } = decoded;
        assert.equal(index.kind, responseTypes.case === undefined ? 0 : kinds[responseTypes.case]);
        assertSame(index, responseTypes.case === 'flow' ? responseTypes.value : create(FlowSchema));
      }),
      { numRuns: 500 },
    );
  });

  it('ends in a WireError, or in what the rest means, wherever a message is cut off', () => {
    fc.assert(
      fc.property(flows, (flow) => {
        const whole = toBinary(
          GetFlowsResponseSchema,
          create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value: flow }, nodeName: 'n' }),
        ).subarray(0, 600);
        for (let length = 0; length < whole.length; length++) {
          const cut = whole.subarray(0, length);
          const outcomes = [0x00, 0x08, 0xff].map((noise) => readAll(index, surrounded(cut, noise)));
          // What stands behind the end must make no difference.
          assert.deepEqual(outcomes[1], outcomes[0]);
          assert.deepEqual(outcomes[2], outcomes[0]);
          assertAsDecoded(cut, outcomes[0]);
        }
      }),
      { numRuns: 12 },
    );
  });

  it('never looks behind the end of a nested message that is cut off', () => {
    // What follows on it: unknown fields that begin with a byte below 128, and with one above.
    const followers = [
      Uint8Array.of(0x65, 1, 1, 1, 1),
      Uint8Array.of(0xa1, 0x6a, 255, 255, 255, 255, 255, 255, 255, 255),
    ];
    const cutMessage = fc.constantFrom(...messages).chain((place) =>
      fc.tuple(messageArbitrary(place.schema), fc.nat(10_000)).map(([message, cut]) => {
        const bytes = toBinary(place.schema, message);
        return { place, bytes: bytes.subarray(0, cut % (bytes.length + 1)) };
      }),
    );
    fc.assert(
      fc.property(cutMessage, ({ place, bytes }) => {
        const below = fields.filter(({ names }) => place.names.every((name, i) => names[i] === name));
        const outcomes = followers.map((follower) => {
          const message = place.numbers.reduceRight((inner, number) => {
            const field = new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(inner).finish();
            return Buffer.concat([field, follower]);
          }, bytes);
          return readAll(index, surrounded(message, 0x01), below);
        });
        assert.deepEqual(outcomes[1], outcomes[0]);
      }),
      { numRuns: 3000 },
    );
  });

  it('ends in a WireError, or in what the rest means, however a message is damaged inside', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(responses, damage, (response, damage) => {
        const message = toBinary(GetFlowsResponseSchema, response);
        if (message.length === 0) return;
        for (const [at, byte] of damage) message[at % message.length] = byte;
        const outcomes = [0x00, 0xff].map((noise) => readAll(index, surrounded(message, noise)));
        assert.deepEqual(outcomes[1], outcomes[0]);
      }),
      { numRuns: 1000 },
    );
  });

  it('ends in a WireError or in something for bytes that were never a message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const outcomes = [0x00, 0xff].map((noise) => readAll(index, surrounded(bytes, noise)));
        assert.deepEqual(outcomes[1], outcomes[0]);
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses a range outside of the bytes', () => {
    for (const [start, end] of [
      [0, 11],
      [-1, 5],
      [6, 5],
    ]) {
      assert.throws(() => index.reset(new Uint8Array(10), start, end), {
        name: 'WireError',
        code: 'truncated',
        message: `range ${start}..${end} of 10 bytes`,
      });
    }
  });

  it('passes over known fields of another wire type, as over unknown ones', () => {
    // verdict (2) as text, then IP (5) as a number: field number << 3 | wire type.
    const flow = Uint8Array.of(0x12, 2, 9, 9, 0x28, 7);
    index.reset(Uint8Array.of(0x0a, flow.length, ...flow), 0, flow.length + 2);
    assert.equal(index.int32(fieldPath('verdict')), 0);
    assert.equal(index.has(fieldPath('IP')), false);
  });
});

describe('fieldPath', () => {
  it('refuses paths that lead nowhere', () => {
    for (const path of [
      '',
      'verdikt',
      'source.pod',
      'verdict.x',
      'source.labels.x',
      'Summary',
      'source_names.x',
    ]) {
      assert.throws(() => fieldPath(path), { name: 'RangeError' }, path);
    }
  });
});

/** All that can be read of a message, errors included. Fails on errors that are no WireError. */
function readAll(
  index: FlowIndex,
  { bytes, start, end }: ReturnType<typeof surrounded>,
  wanted = fields,
): unknown[] {
  const attempt = (read: () => unknown): unknown => {
    try {
      return read();
    } catch (error) {
      assert.ok(error instanceof WireError, String(error));
      return error.code;
    }
  };
  const loaded = attempt(() => index.reset(bytes, start, end));
  if (loaded !== undefined) return [loaded];
  return wanted
    .flatMap(({ path }) => [
      attempt(() => index.has(path)),
      attempt(() => index.text(path)),
      attempt(() => index.uint64(path)),
      attempt(() => textsAt(index, path)),
    ])
    .concat([attempt(() => index.tcpFlags), attempt(() => index.layer7), index.kind]);
}

/** Where a decoder accepts the bytes, the index must too; where it does not, the index may not have looked at the damage. */
function assertAsDecoded(bytes: Uint8Array, outcome: unknown[]): void {
  let decoded: GetFlowsResponse;
  try {
    decoded = fromBinary(GetFlowsResponseSchema, bytes);
  } catch {
    return;
  }
  const index = new FlowIndex();
  index.reset(bytes, 0, bytes.length);
  assert.notEqual(outcome.length, 1);
  const { responseTypes } = decoded;
  assertSame(index, responseTypes.case === 'flow' ? responseTypes.value : create(FlowSchema));
}
