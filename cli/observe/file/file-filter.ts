import { compileFlowFilters } from '../../../proto/flow/filter/compile-filter.ts';
import { FilterError } from '../../../proto/flow/filter/filter-error.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import { ENVELOPE_FLOW } from '../../../proto/flow/peek-flow.ts';
import type { GetFlowsRequest } from '../../../proto/gen/observer/observer_pb.ts';
import { UsageError } from '../../../flags/flag-spec.ts';

/** Whether the encoded response `bytes[0, length)` is asked for. */
export type FileFilter = (bytes: Uint8Array, length: number) => boolean;

/**
 * What a server would do with the filters and times of a request, for responses out of a file. Lost events and node states are no flows: an allow filter drops them, a
 * deny filter alone does not. A response without a time counts as of 1970. Throws UsageError for filters that do not compile.
 */
export function compileFileFilter(request: GetFlowsRequest): FileFilter {
  const { whitelist } = request;
  const index = new FlowIndex();
  const { envelope } = index;
  const match = compileFilters(request);
  const since = pointOf(request.since);
  const until = pointOf(request.until);
  if (match === null && since === null && until === null) return () => true;
  return (bytes, length) => {
    index.reset(bytes, 0, length);
    const { seconds, nanos } = envelope;
    if (since !== null && compare(seconds, nanos, since) < 0) return false;
    if (until !== null && compare(seconds, nanos, until) > 0) return false;
    if (match === null) return true;
    return envelope.kind === ENVELOPE_FLOW ? match(index) : whitelist.length === 0;
  };
}

interface Point {
  readonly seconds: number;
  readonly nanos: number;
}

function pointOf(time: GetFlowsRequest['since']): Point | null {
  return time === undefined ? null : { seconds: Number(time.seconds), nanos: time.nanos };
}

function compare(seconds: number, nanos: number, point: Point): number {
  return seconds === point.seconds ? nanos - point.nanos : seconds - point.seconds;
}

function compileFilters({ whitelist, blacklist }: GetFlowsRequest): ReturnType<typeof compileFlowFilters> {
  try {
    return compileFlowFilters(whitelist, blacklist);
  } catch (error) {
    if (error instanceof FilterError) throw new UsageError(error.message);
    throw error;
  }
}
