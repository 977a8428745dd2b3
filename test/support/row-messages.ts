import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AggregateFlowsResponseSchema } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { sampleTime } from './build-responses.ts';

/** Texts of a key, then flows, and of these dropped; the others are forwarded. */
export type SampleRow = readonly [texts: readonly string[], flows: number, dropped?: number];

/** An answer of AggregateFlows, encoded. */
export function answerMessage(
  rows: readonly SampleRow[],
  {
    seconds = 1,
    others = 0,
    missing = 0,
  }: { readonly seconds?: number; readonly others?: number; readonly missing?: number } = {},
): Uint8Array {
  const texts = [...new Set(rows.flatMap(([key]) => key))];
  const us = sampleTime().seconds * 1_000_000n;
  return message({
    case: 'rows',
    value: {
      texts,
      keys: rows.flatMap(([key]) => key.map((text) => texts.indexOf(text))),
      flows: rows.map(([, flows]) => BigInt(flows)),
      forwarded: rows.map(([, flows, dropped = 0]) => BigInt(flows - dropped)),
      dropped: rows.map(([, , dropped = 0]) => BigInt(dropped)),
      firstUs: rows.map(() => us),
      lastUs: rows.map(([, flows]) => us + BigInt(flows)),
      ...(others > 0 && { others: { flows: BigInt(others), forwarded: BigInt(others) } }),
      maxMissingFlows: BigInt(missing),
      elapsedUs: BigInt(seconds * 1e6),
    },
  });
}

/** Any other message. */
export function message(
  responseTypes: NonNullable<
    Exclude<MessageInitShape<typeof AggregateFlowsResponseSchema>, { $typeName: string }>['responseTypes']
  >,
): Uint8Array {
  const response = create(AggregateFlowsResponseSchema, {
    responseTypes,
    nodeName: 'relay',
    time: sampleTime(),
  });
  return toBinary(AggregateFlowsResponseSchema, response);
}
