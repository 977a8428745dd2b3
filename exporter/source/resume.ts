import { create, toBinary } from '@bufbuild/protobuf';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { withTimes } from '../../proto/flow/peek-flow.ts';
import type { FlowFilter } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { Spool } from '../spool/spool.ts';
import { SeenAgain } from './seen-again.ts';

/** From where a stream is asked for, and what of it is known already. */
export interface Resume {
  readonly sinceUs: number;
  /** Null when nothing can come again. */
  readonly seenAgain: SeenAgain | null;
}

/** Where to go on: some time before the newest flow in the spool; without one, where the very first start began. Throws Error when the spool cannot be read. */
export async function findResume(spool: Spool, start: 'now' | 'oldest', overlapUs: number): Promise<Resume> {
  const { newestTimeUs } = spool;
  if (newestTimeUs === Number.NEGATIVE_INFINITY) {
    return { sinceUs: start === 'now' ? spool.startedUs : 0, seenAgain: null };
  }
  const sinceUs = Math.max(0, newestTimeUs - overlapUs);
  const seenAgain = new SeenAgain(newestTimeUs, overlapUs);
  // A flow from a clock that runs ahead stands in a record of the time of its arrival, which may be before `sinceUs` where its own is not: it comes again, too.
  for await (const run of spool.framesSince(sinceUs - overlapUs)) {
    const { bytes, offsets, count, timesUs } = withTimes(run);
    for (let i = 0; i < count; i++) {
      if (timesUs[i] >= sinceUs) seenAgain.note(bytes, offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1]);
    }
  }
  return { sinceUs, seenAgain };
}

/** The request for flows from a time on. `whitelist`: what any sink wants; empty for everything. */
export function flowsRequest(sinceUs: number, whitelist: readonly FlowFilter[]): Uint8Array<ArrayBuffer> {
  const request = create(GetFlowsRequestSchema, {
    follow: true,
    since: { seconds: BigInt(Math.floor(sinceUs / 1e6)), nanos: Math.floor(sinceUs % 1e6) * 1000 },
    whitelist: [...whitelist],
  });
  return toBinary(GetFlowsRequestSchema, request);
}
