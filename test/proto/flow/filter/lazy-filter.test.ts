import assert from 'node:assert/strict';
import { create, toBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { compileFlowFilters } from '../../../../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../../../../proto/flow/flow-index.ts';
import { type Flow, type FlowFilter, FlowFilterSchema } from '../../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';
import { filters, flows } from '../../../support/filter-arbitrary.ts';
import { plainFields, plainMatch } from '../../../support/plain-filter.ts';

/** Pairs of filter and flow that are tried; `npm run test:filters` tries a million. */
const PAIRS = Number(process.env['SLUICE_FILTER_PAIRS'] ?? 150_000);
const FLOWS_PER_RUN = 8;
const FILTERS_PER_RUN = 16;

const encode = (flow: Flow): Uint8Array =>
  toBinary(
    GetFlowsResponseSchema,
    create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value: flow } }),
  );

const isSet = (filter: FlowFilter, field: string): boolean =>
  field === 'experimental'
    ? filter.experimental !== undefined
    : (filter[field as keyof FlowFilter] as unknown[]).length > 0;

/** The pair in short: fast-check's counterexamples show every field, set or not. */
const describePair = (filter: FlowFilter, flow: Flow): string =>
  inspect({ filter: toJson(FlowFilterSchema, filter), flow: { ...flow, time: undefined } }, { depth: 8 });

describe('a filter over the lazy index', () => {
  it('agrees with the plain meaning of every field over the decoded flow', () => {
    const index = new FlowIndex();
    const seen = new Map([...plainFields, 'experimental'].map((field) => [field, { yes: 0, no: 0 }]));
    fc.assert(
      fc.property(
        fc.array(flows, { minLength: FLOWS_PER_RUN, maxLength: FLOWS_PER_RUN }),
        fc.array(filters, { minLength: FILTERS_PER_RUN, maxLength: FILTERS_PER_RUN }),
        (flows, filters) => {
          const encoded = flows.map(encode);
          for (const filter of filters) {
            const match = compileFlowFilters([filter], []);
            const fields = [...seen].filter(([field]) => isSet(filter, field));
            for (const [i, flow] of flows.entries()) {
              const expected = plainMatch(flow, filter);
              index.reset(encoded[i], 0, encoded[i].length);
              if (match?.(index) !== expected) assert.fail(`${!expected}: ${describePair(filter, flow)}`);
              for (const [, counts] of fields) counts[expected ? 'yes' : 'no']++;
            }
          }
        },
      ),
      { numRuns: Math.ceil(PAIRS / (FLOWS_PER_RUN * FILTERS_PER_RUN)) },
    );
    // Both answers came up for every field: the generators have not drifted apart.
    for (const [field, { yes, no }] of seen) assert.ok(yes > 0 && no > 0, `${field}: ${yes} yes, ${no} no`);
  });
});
