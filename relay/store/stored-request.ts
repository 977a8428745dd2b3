import { clone } from '@bufbuild/protobuf';
import type { FlowSelection, TimePoint } from '../../history/index.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { Span } from './coverage.ts';
import { planSpans, type Stretch } from './plan-spans.ts';

/** Numbers from here on stand for "all". */
const ALL = 2 ** 53;

const usOf = ({ seconds, nanos }: TimePoint): number => seconds * 1e6 + Math.floor(nanos / 1000);

/** The nanoseconds behind the last whole microsecond, so that stretches which end at one join without a gap. */
function pointAt(us: number, nanosBehind: number): TimePoint {
  const seconds = Math.floor(us / 1e6);
  return { seconds, nanos: Math.round(us - seconds * 1e6) * 1000 + nanosBehind };
}

/** Whether a request wants a number of flows, rather than all of a span of time. */
export function hasNumber({ number }: FlowSelection): boolean {
  return number > 0 && number < ALL;
}

/** Who is asked for which part of a request without a number. */
export function planRequest({ since, until }: FlowSelection, covered: readonly Span[]): Stretch[] {
  const fromUs = since === null ? Number.NEGATIVE_INFINITY : usOf(since);
  const toUs = until === null ? Number.POSITIVE_INFINITY : usOf(until);
  return planSpans({ fromUs, toUs }, covered);
}

/** The exact times of a stretch of a request: those of the request where it begins or ends. */
export function boundsOf(
  { fromUs, toUs }: Span,
  { since, until }: FlowSelection,
): { since: TimePoint | null; until: TimePoint | null } {
  const isStart = since === null ? fromUs === Number.NEGATIVE_INFINITY : usOf(since) === fromUs;
  const isEnd = until === null ? toUs === Number.POSITIVE_INFINITY : usOf(until) === toUs;
  return { since: isStart ? since : pointAt(fromUs, 0), until: isEnd ? until : pointAt(toUs, 999) };
}

/** The request to peers for a stretch. */
export function peersRequest(
  request: GetFlowsRequest,
  { since, until }: ReturnType<typeof boundsOf>,
  isLast: boolean,
): GetFlowsRequest {
  const part = clone(GetFlowsRequestSchema, request);
  part.follow = request.follow && isLast;
  part.number = 0n;
  // Counted from the oldest end, as everything is here.
  part.first = since === null && !part.follow;
  const timestamp = (point: TimePoint | null) =>
    point === null
      ? undefined
      : {
          $typeName: 'google.protobuf.Timestamp' as const,
          seconds: BigInt(point.seconds),
          nanos: point.nanos,
        };
  delete part.since;
  delete part.until;
  const [from, to] = [timestamp(since), timestamp(until)];
  if (from !== undefined) part.since = from;
  if (to !== undefined) part.until = to;
  return part;
}
