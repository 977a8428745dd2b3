import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Counts, CountsSchema } from '../../proto/gen/sluice/v1/policy_pb.ts';

/** The later of two times, if there is any. */
export function latest(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return timestampMs(a) >= timestampMs(b) ? a : b;
}

/** The earlier of two times, if there is any. */
export function earliest(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return timestampMs(a) <= timestampMs(b) ? a : b;
}

/** Decisions of two nodes together. `last` is watched on both only since the later of the two began. */
export function addCounts(a: Counts | undefined, b: Counts | undefined): Counts | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const last = latest(a.last, b.last);
  const watchedSince = latest(a.watchedSince, b.watchedSince);
  return create(CountsSchema, {
    allowed: a.allowed + b.allowed,
    denied: a.denied + b.denied,
    audited: a.audited + b.audited,
    allowedRate: a.allowedRate + b.allowedRate,
    deniedRate: a.deniedRate + b.deniedRate,
    auditedRate: a.auditedRate + b.auditedRate,
    ...(last !== undefined && { last }),
    ...(watchedSince !== undefined && { watchedSince }),
  });
}
