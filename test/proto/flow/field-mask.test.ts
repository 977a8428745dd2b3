import assert from 'node:assert/strict';
import { create, type DescMessage, fromBinary, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { compileFieldMask } from '../../../proto/flow/field-mask.ts';
import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { type Flow, FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { messageArbitrary } from '../../support/message-arbitrary.ts';

/** Every path that a mask may have. Wrappers and times are whole values in JSON, by which this test compares. */
function pathsOf(schema: DescMessage, names: readonly string[] = []): string[] {
  return schema.fields.flatMap((field) => {
    const path = [...names, field.name];
    const isWhole = field.fieldKind !== 'message' || field.message.typeName.startsWith('google.');
    return isWhole ? [path.join('.')] : [path.join('.'), ...pathsOf(field.message, path)];
  });
}

const paths = pathsOf(FlowSchema);
const json = (flow: Flow): JsonObject => toJson(FlowSchema, flow, { useProtoFieldName: true }) as JsonObject;

/** Copies one path of an object as far as it is there. */
function pick(from: JsonObject, to: JsonObject, names: readonly string[]): void {
  const [name, ...rest] = names;
  if (!(name in from)) return;
  if (rest.length === 0) to[name] = from[name];
  else {
    to[name] ??= {};
    pick(from[name] as JsonObject, to[name] as JsonObject, rest);
  }
}

function masked(response: GetFlowsResponse, mask: readonly string[]): GetFlowsResponse {
  const apply = compileFieldMask(mask);
  assert.ok(apply);
  const frame = apply(
    toBinary(GetFlowsResponseSchema, response),
    0,
    toBinary(GetFlowsResponseSchema, response).length,
  );
  assert.equal(Buffer.from(frame).readUInt32BE(1), frame.length - FRAME_PREFIX_BYTES);
  return fromBinary(GetFlowsResponseSchema, frame.subarray(FRAME_PREFIX_BYTES));
}

// Any's content is resolved in JSON, and there is none of a made-up type.
const flows = messageArbitrary(FlowSchema, { limit: 100_000 }) as fc.Arbitrary<Flow>;

describe('a field mask', () => {
  it('keeps what it names of a flow, and nothing that the flow has not', () => {
    fc.assert(
      fc.property(
        flows,
        fc.array(fc.constantFrom(...paths), { minLength: 1, maxLength: 5 }),
        (flow, mask) => {
          delete flow.time; // JSON knows no times beyond the year 9999
          const response = create(GetFlowsResponseSchema, {
            responseTypes: { case: 'flow', value: flow },
            nodeName: 'n1',
            time: { seconds: 5n },
          });
          const result = masked(response, mask);
          const expected: JsonObject = {};
          for (const path of mask) pick(json(flow), expected, path.split('.'));
          assert.equal(result.responseTypes.case, 'flow');
          assert.deepEqual(json(result.responseTypes.value), expected);
          // The envelope is that of the whole flow.
          assert.equal(result.nodeName, 'n1');
          assert.equal(result.time?.seconds, 5n);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('leaves lost events and node status alone', () => {
    const lost = create(GetFlowsResponseSchema, {
      responseTypes: { case: 'lostEvents', value: { numEventsLost: 7n } },
    });
    assert.deepEqual(masked(lost, ['verdict']), lost);
  });

  it('may go below wrappers and times, and none of it is no mask', () => {
    const flow = create(FlowSchema, { isReply: true, time: { seconds: 1n, nanos: 2 } });
    const response = create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value: flow } });
    const result = masked(response, ['is_reply.value', 'time.seconds']).responseTypes.value as Flow;
    assert.equal(result.isReply, true);
    assert.deepEqual([result.time?.seconds, result.time?.nanos], [1n, 0]);
    assert.equal(compileFieldMask([]), null);
  });

  it('is refused for paths that do not exist or go below what has no fields', () => {
    for (const path of [
      '',
      'verdikt',
      'nodeName',
      'l4.protocol',
      'source.labels.x',
      'source_names.x',
      'verdict.x',
    ]) {
      assert.throws(() => compileFieldMask(['verdict', path]), { name: 'FieldMaskError' }, path);
    }
  });
});
