import { create, toBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { createFlowPeek, peekFlow, timeUsOf } from '../../../proto/flow/peek-flow.ts';
import { usualNanos, usualTimeUs } from '../../../proto/flow/usual-time.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';

const seconds = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 36n }),
  fc.constantFrom(-1n, 0n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 35n - 1n, 2n ** 35n, 253_402_300_799n),
);
const nanos = fc.oneof(
  fc.nat(999_999_999),
  fc.constantFrom(0, 127, 128, 999, 1000, 16_383, 16_384, 999_999_999, -1),
);

const message = fc
  .record({
    case: fc.constantFrom('flow', 'lostEvents', 'none'),
    summary: fc.oneof(fc.string(), fc.constantFrom('x'.repeat(120), 'x'.repeat(20_000))),
    nodeName: fc.oneof(fc.string(), fc.constant('n'.repeat(130))),
    time: fc.option(fc.record({ seconds, nanos }), { nil: undefined }),
  })
  .map((x) =>
    toBinary(
      GetFlowsResponseSchema,
      create(GetFlowsResponseSchema, {
        nodeName: x.nodeName,
        ...(x.time !== undefined && { time: x.time }),
        ...(x.case === 'flow' && { responseTypes: { case: 'flow', value: { Summary: x.summary } } }),
        ...(x.case === 'lostEvents' && {
          responseTypes: { case: 'lostEvents', value: { numEventsLost: 3n } },
        }),
      }),
    ),
  );

/** What the general reader says of a message's time; null when it is no message. */
function peekTime(bytes: Uint8Array, start: number, end: number): { us: number; nanos: number } | null {
  const peek = createFlowPeek();
  try {
    peekFlow(bytes, start, end, peek);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
  return { us: timeUsOf(peek.seconds, peek.nanos), nanos: peek.nanos };
}

/** Fails when both readers know a time and differ. */
function checkAgainstPeek(bytes: Uint8Array, start: number, end: number): void {
  const us = usualTimeUs(bytes, start, end);
  const nanos = usualNanos(bytes, start, end);
  assert.equal(Number.isNaN(us), Number.isNaN(nanos));
  if (!Number.isNaN(us)) assert.deepEqual({ us, nanos }, peekTime(bytes, start, end));
}

describe('usualTimeUs()', () => {
  it('says what the general reader says, or nothing', () => {
    fc.assert(
      fc.property(message, fc.uint8Array({ maxLength: 20 }), (bytes, around) => {
        const all = Buffer.concat([around, bytes, around]);
        const [start, end] = [around.length, around.length + bytes.length];
        checkAgainstPeek(all, start, end);
      }),
      { numRuns: 2000 },
    );
  });

  it('says so of a flow as agents send it', () => {
    const time = { seconds: 1_795_000_000n, nanos: 123_456_789 };
    const flow = create(GetFlowsResponseSchema, {
      responseTypes: { case: 'flow', value: { Summary: 'x'.repeat(300) } },
      nodeName: 'east/node1',
      time,
    });
    const bytes = toBinary(GetFlowsResponseSchema, flow);
    assert.equal(usualTimeUs(bytes, 0, bytes.length), 1_795_000_000_123_456);
    assert.equal(usualNanos(bytes, 0, bytes.length), time.nanos);
    flow.time!.nanos = 0;
    const whole = toBinary(GetFlowsResponseSchema, flow);
    assert.equal(usualTimeUs(whole, 0, whole.length), 1_795_000_000_000_000);
  });

  it('never takes broken bytes for a message: cut off, changed, or with something behind', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), fc.boolean(), (bytes, where, value, cuts) => {
        const broken = Buffer.from(bytes);
        const at = broken.length === 0 ? 0 : where % broken.length;
        if (cuts || broken.length === 0) {
          checkAgainstPeek(broken, 0, at);
          return;
        }
        broken[at] = value;
        checkAgainstPeek(broken, 0, broken.length);
      }),
      { numRuns: 5000 },
    );
  });
});
