import assert from 'node:assert/strict';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { compileFlowFilters } from '../../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../../proto/flow/flow-index.ts';
import { FlowFilterSchema, FlowSchema } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';

export type FilterInit = MessageInitShape<typeof FlowFilterSchema>;
export type FlowInit = MessageInitShape<typeof FlowSchema>;

const index = new FlowIndex();

/** Stands an index at a response. */
export function indexOf(init: MessageInitShape<typeof GetFlowsResponseSchema>): FlowIndex {
  const bytes = toBinary(GetFlowsResponseSchema, create(GetFlowsResponseSchema, init));
  index.reset(bytes, 0, bytes.length);
  return index;
}

/** Whether a flow is delivered by a request with these filters. */
export function matches(
  flow: FlowInit,
  whitelist: readonly FilterInit[],
  blacklist: readonly FilterInit[] = [],
): boolean {
  const [allow, deny] = [whitelist, blacklist].map((list) =>
    list.map((filter) => create(FlowFilterSchema, filter)),
  );
  const match = compileFlowFilters(allow, deny);
  return (
    match === null || match(indexOf({ responseTypes: { case: 'flow', value: create(FlowSchema, flow) } }))
  );
}

/** A filter, a flow, and whether the one matches the other. */
export type Answer = readonly [FilterInit, FlowInit, boolean];

const show = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));

/** Holds a table of answers, in the whitelist and in the blacklist. */
export function assertAnswers(answers: readonly Answer[]): void {
  for (const [filter, flow, answer] of answers) {
    assert.equal(matches(flow, [filter]), answer, `${show(filter)} on ${show(flow)}`);
    assert.equal(matches(flow, [], [filter]), !answer, `not ${show(filter)} on ${show(flow)}`);
  }
}
