import { clone, create } from '@bufbuild/protobuf';
import { type FlowFilter, FlowFilterSchema, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import type { FlowFilters } from '../filter/filter-words.ts';

/** Verdicts of flows that a person looks for: they are never left out before others. */
export const weightyVerdicts: readonly Verdict[] = [Verdict.DROPPED, Verdict.AUDIT, Verdict.ERROR];

/** The filters for those flows that are drops, errors or audits; null when the filters ask for none of these. */
export function weightyOnly({ whitelist, blacklist }: FlowFilters): FlowFilters | null {
  if (whitelist.length === 0) {
    return { whitelist: [create(FlowFilterSchema, { verdict: [...weightyVerdicts] })], blacklist };
  }
  const narrowed = whitelist.flatMap((filter): FlowFilter[] => {
    const asked = filter.verdict.length === 0 ? weightyVerdicts : filter.verdict;
    const verdict = asked.filter((value) => weightyVerdicts.includes(value));
    if (verdict.length === 0) return [];
    const own = clone(FlowFilterSchema, filter);
    own.verdict = verdict;
    return [own];
  });
  return narrowed.length === 0 ? null : { whitelist: narrowed, blacklist };
}

/** The filters for all other flows. */
export function weightlessOnly({ whitelist, blacklist }: FlowFilters): FlowFilters {
  return {
    whitelist,
    blacklist: [...blacklist, create(FlowFilterSchema, { verdict: [...weightyVerdicts] })],
  };
}
