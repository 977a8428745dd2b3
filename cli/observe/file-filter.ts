import { toBinary } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { compileFlowFilters } from '../../proto/flow/filter/compile-filter.ts';
import { FilterError } from '../../proto/flow/filter/filter-error.ts';
import { FlowIndex } from '../../proto/flow/flow-index.ts';
import {
  type GetFlowsRequest,
  type GetFlowsResponse,
  GetFlowsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import { UsageError } from '../flags/flag-spec.ts';

function compareTimes(a: Timestamp, b: Timestamp): number {
  return a.seconds === b.seconds ? a.nanos - b.nanos : a.seconds < b.seconds ? -1 : 1;
}

const epoch = { seconds: 0n, nanos: 0 } as Timestamp;

/**
 * What a server would do with the filters and times of a request, for responses out of a file. Lost events and node states are no flows: an allow filter drops them, a
 * deny filter alone does not. Throws UsageError for filters that do not compile.
 */
export function compileFileFilter(request: GetFlowsRequest): (response: GetFlowsResponse) => boolean {
  const { whitelist, since, until } = request;
  const index = new FlowIndex();
  const match = compileFilters(request);
  return (response) => {
    const time = response.time ?? epoch;
    if (since !== undefined && compareTimes(time, since) < 0) return false;
    if (until !== undefined && compareTimes(time, until) > 0) return false;
    if (match === null) return true;
    if (response.responseTypes.case !== 'flow') return whitelist.length === 0;
    const bytes = toBinary(GetFlowsResponseSchema, response);
    index.reset(bytes, 0, bytes.length);
    return match(index);
  };
}

function compileFilters({ whitelist, blacklist }: GetFlowsRequest): ReturnType<typeof compileFlowFilters> {
  try {
    return compileFlowFilters(whitelist, blacklist);
  } catch (error) {
    if (error instanceof FilterError) throw new UsageError(error.message);
    throw error;
  }
}
