import assert from 'node:assert/strict';
import { create, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { createFlowPeek, peekFlow, timeUsOf, withTimes } from '../../../proto/flow/peek-flow.ts';
import { frameMessage, FrameSplitter, type FrameRun } from '../../../proto/flow/frame.ts';
import { FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { kinds, responses, scrambled, surrounded } from '../../support/encoded-responses.ts';

describe('peekFlow', () => {
  const peek = createFlowPeek();

  it('reads kind, time and node name as a full decoder does', () => {
    fc.assert(
      fc.property(scrambled, responses, (message, response) => {
        for (const encoded of [message, toBinary(GetFlowsResponseSchema, response)]) {
          const decoded = fromBinary(GetFlowsResponseSchema, encoded);
          const { bytes, start, end } = surrounded(encoded, 0xff);
          peekFlow(bytes, start, end, peek);
          const { responseTypes, time, nodeName } = decoded;
          assert.equal(peek.kind, responseTypes.case === undefined ? 0 : kinds[responseTypes.case]);
          assert.equal(peek.seconds, Number(time?.seconds ?? 0n));
          assert.equal(peek.nanos, time?.nanos ?? 0);
          const name = bytes.subarray(peek.nodeNameStart, peek.nodeNameEnd);
          assert.equal(Buffer.from(name).toString(), nodeName);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('ends in a WireError or in what the rest means, wherever a message is cut off', () => {
    const message = toBinary(
      GetFlowsResponseSchema,
      create(GetFlowsResponseSchema, {
        responseTypes: { case: 'flow', value: create(FlowSchema, { Summary: 'x'.repeat(200) }) },
        nodeName: 'east/node1',
        time: create(TimestampSchema, { seconds: 1_795_000_000n, nanos: 5 }),
      }),
    );
    let errors = 0;
    for (let length = 0; length < message.length; length++) {
      const { bytes, start, end } = surrounded(message.subarray(0, length), 0x01);
      let decoded: Message | undefined;
      try {
        decoded = fromBinary(GetFlowsResponseSchema, message.subarray(0, length));
      } catch {
        errors++;
      }
      if (decoded === undefined) {
        assert.throws(() => peekFlow(bytes, start, end, peek), { name: 'WireError', code: 'truncated' });
      } else peekFlow(bytes, start, end, peek);
    }
    assert.ok(errors > 200);
  });

  it('counts microseconds from the epoch, rounded down', () => {
    assert.equal(timeUsOf(1_795_000_000, 123_456_789), 1_795_000_000_123_456);
    assert.equal(timeUsOf(-1, 999_999_999), -1);
    assert.equal(timeUsOf(0, 999), 0);
  });
});

describe('withTimes', () => {
  const response = (seconds: bigint, nanos: number): Uint8Array => {
    const time = create(TimestampSchema, { seconds, nanos });
    return toBinary(GetFlowsResponseSchema, create(GetFlowsResponseSchema, { time }));
  };
  const runOf = (...messages: Uint8Array[]): FrameRun => {
    const run = new FrameSplitter().push(Buffer.concat(messages.map(frameMessage)));
    assert.ok(run);
    return run;
  };

  it('adds the time of each frame', () => {
    const run = runOf(response(1n, 1_999), new Uint8Array(0), response(-1n, 0));
    const batch = withTimes(run);
    assert.deepEqual([...batch.timesUs], [1_000_001, 0, -1_000_000]);
    assert.equal(batch.bytes, run.bytes);
    assert.equal(batch.offsets, run.offsets);
    assert.equal(batch.count, 3);
  });

  it('names the message that does not parse', () => {
    assert.throws(() => withTimes(runOf(response(1n, 1), Uint8Array.of(0x0a, 9))), {
      name: 'WireError',
      code: 'truncated',
      message: 'message 1 of 2 in this read: 9 bytes announced, 0 there',
    });
  });
});
