import { TraceVerdict } from '../gen/sluice/v1/policy_pb.ts';

/** What the verdicts of both ends come to: who denies decides; an audit stays one if nobody denies. Undefined for an end without policies. */
export function verdictTogether(verdicts: readonly (TraceVerdict | undefined)[]): TraceVerdict {
  const order = [
    TraceVerdict.DENIED,
    TraceVerdict.DEFAULT_DENIED,
    TraceVerdict.UNKNOWN,
    TraceVerdict.AUDITED,
  ] as const;
  return order.find((verdict) => verdicts.includes(verdict)) ?? TraceVerdict.ALLOWED;
}
