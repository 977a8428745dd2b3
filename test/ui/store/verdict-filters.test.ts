import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { buildFilters, parseFilterWords } from '../../../ui/filter/filter-words.ts';
import { weightlessOnly, weightyOnly, weightyVerdicts } from '../../../ui/store/verdict-filters.ts';
import { matches } from '../../support/match-flow.ts';

const verdicts = [Verdict.FORWARDED, Verdict.DROPPED, Verdict.AUDIT, Verdict.REDIRECTED, Verdict.ERROR];
const filters = fc
  .constantFrom(
    '',
    '--verdict DROPPED',
    '--verdict FORWARDED',
    '--verdict FORWARDED --verdict AUDIT',
    '--not --verdict DROPPED',
    '--ip 10.0.0.1 --not --from-ip 10.0.0.2',
  )
  .map((text) => buildFilters(parseFilterWords(text)));

describe('filters by weight', () => {
  it('part the flows of a filter in two: every one is in one of them', () => {
    fc.assert(
      fc.property(
        filters,
        fc.constantFrom(...verdicts),
        fc.integer({ min: 1, max: 3 }),
        (asked, verdict, host) => {
          const flow = { verdict, IP: { source: `10.0.0.${host}`, destination: '10.0.0.9' } };
          const isAsked = matches(flow, asked.whitelist, asked.blacklist);
          const weighty = weightyOnly(asked);
          const isWeighty = weighty !== null && matches(flow, weighty.whitelist, weighty.blacklist);
          const rest = weightlessOnly(asked);
          const isRest = matches(flow, rest.whitelist, rest.blacklist);
          assert.equal(isWeighty, isAsked && weightyVerdicts.includes(verdict));
          assert.equal(isRest, isAsked && !weightyVerdicts.includes(verdict));
        },
      ),
    );
  });
});
