import { toBinary } from '@bufbuild/protobuf';
import { addRows, decodeRows } from '../../proto/flow/aggregate/decode-rows.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from '../../proto/flow/peek-flow.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { AggregateFlowsRequestSchema } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import type { FrameSink, ReaderContext } from '../flow-reader.ts';
import { type History, readHistoryParts } from '../read-history.ts';
import { DamageTally } from '../store/damage-tally.ts';
import type { QueryRange, StoreQueries } from '../store/query/store-queries.ts';
import type { AggregateQuery } from './aggregate-request.ts';
import { countFrames } from './count-frames.ts';
import type { RowStream } from './row-stream.ts';

/** Counts the flows that GetFlows would send: those on disk where they are, those in the ring one by one. Resolves when the selection is exhausted, or the call's signal aborts. */
export async function aggregateHistory(
  history: History,
  query: AggregateQuery,
  rows: RowStream,
  call: FrameSink,
  context: ReaderContext,
): Promise<void> {
  const { aggregator, selection, flows } = query;
  const { nodeName } = context;
  const counting: FrameSink = {
    signal: call.signal,
    write: (frames, onSent) => {
      countFrames(frames, aggregator, rows.losses, nodeName);
      onSent?.();
      return true;
    },
    drained: () => Promise.resolve(),
    flush: () => call.flush(),
  };
  const request = toBinary(GetFlowsRequestSchema, flows);
  const storedPart = async (range: QueryRange, limit: number): Promise<number> => {
    const { queries } = history.feed!.store;
    const damage = new DamageTally(context);
    const options = { range, signal: call.signal, onDamage: damage.add };
    let counted = 0;
    if (limit === 0 || limit >= Number.MAX_SAFE_INTEGER) await addStoredRows(queries, query, rows, options);
    else {
      for await (const chunk of queries.flows(request, limit, options)) {
        counting.write(chunk.frames);
        counted += chunk.flows;
      }
    }
    for (const frame of damage.take()) rows.losses.addMessage(frame, FRAME_PREFIX_BYTES, frame.length);
    return counted;
  };
  await readHistoryParts(history, request, selection, storedPart, counting, context);
}

const peek = createFlowPeek();

/** Adds the rows of a part of a store to what a query has counted; notices of loss in it to the losses. */
export async function addStoredRows(
  queries: StoreQueries,
  { request, aggregator }: AggregateQuery,
  rows: RowStream,
  options: Parameters<StoreQueries['aggregate']>[1],
): Promise<void> {
  const answer = await queries.aggregate(toBinary(AggregateFlowsRequestSchema, request), options);
  for (const frame of answer) {
    peekFlow(frame, FRAME_PREFIX_BYTES, frame.length, peek);
    if (peek.kind !== ENVELOPE_FLOW) rows.losses.addMessage(frame, FRAME_PREFIX_BYTES, frame.length);
    else {
      addRows(aggregator.table, decodeRows(frame, peek.memberStart, peek.memberEnd, request.keys.length));
    }
  }
}
