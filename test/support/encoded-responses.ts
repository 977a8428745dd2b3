import { create, toBinary } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { type Flow, FlowSchema } from '../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { messageArbitrary } from './message-arbitrary.ts';
import { scrambleMessage } from './scramble-message.ts';

/** Responses with any content. */
export const responses = messageArbitrary(GetFlowsResponseSchema) as fc.Arbitrary<GetFlowsResponse>;
export const flows = messageArbitrary(FlowSchema) as fc.Arbitrary<Flow>;

/** Responses around a flow, encoded as no encoder would. */
export const scrambled = fc
  .record({
    flow: flows,
    // No infinite stream: fast-check clones those together with the record around them, and then fields of it are missing now and then.
    seed: fc.nat(2 ** 31 - 1),
    rarity: fc.constantFrom(4, 20, 100),
    nodeName: fc.string({ maxLength: 200 }),
    nanos: fc.nat(999_999_999),
  })
  .map(({ flow, seed, rarity, nodeName, nanos }) => {
    const time = create(TimestampSchema, { seconds: BigInt(nanos) * 4n - 1_000_000_000n, nanos });
    const response = create(GetFlowsResponseSchema, {
      responseTypes: { case: 'flow', value: flow },
      nodeName,
      time,
    });
    const bytes = toBinary(GetFlowsResponseSchema, response);
    return scrambleMessage(bytes, GetFlowsResponseSchema, { pick: numbersFrom(seed), rarity });
  });

/** Numbers below any bound, the same for the same seed: xorshift32 (Marsaglia, 2003). */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The bytes with noise on both sides, so that a read outside of the range shows. */
export function surrounded(
  bytes: Uint8Array,
  noise: number,
): { bytes: Uint8Array; start: number; end: number } {
  const buffer = new Uint8Array(bytes.length + 40).fill(noise);
  buffer.set(bytes, 20);
  return { bytes: buffer, start: 20, end: 20 + bytes.length };
}

/** ENVELOPE_* of each member. */
export const kinds = { flow: 1, nodeStatus: 2, lostEvents: 3 } as const;
