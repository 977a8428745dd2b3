import type { FlowFilter } from '../../proto/gen/flow/flow_pb.ts';
import { type FlagUse, UsageError } from '../flag-spec.ts';
import { filterFlags } from './filter-flags.ts';
import { FilterPair } from './filter-pair.ts';

/** The filters of a GetFlows request: what to show and what to hide. */
export interface FlowFilters {
  readonly whitelist: FlowFilter[];
  readonly blacklist: FlowFilter[];
}

const filterNames: ReadonlySet<string> = new Set(filterFlags.map(({ name }) => name));

/** The filters that the filter flags of a command line ask for, in their order. Throws UsageError. */
export function buildFilters(uses: readonly FlagUse[]): FlowFilters {
  const allow = new FilterPair();
  const deny = new FilterPair();
  let isNegated = false;
  for (const use of uses) {
    // Other flags leave a --not waiting for the next filter.
    if (!filterNames.has(use.spec.name)) continue;
    if (use.spec.name === 'not') {
      if (isNegated) throw new UsageError('--not twice in a row: it turns around the filter behind it, once');
      isNegated = true;
      continue;
    }
    (isNegated ? deny : allow).add(use);
    isNegated = false;
  }
  if (isNegated) throw new UsageError('--not at the end: it needs a filter behind it');
  return { whitelist: allow.finish(), blacklist: deny.finish() };
}
