import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { decodeText } from '../../proto/flow/decode-text.ts';
import { decodeRows } from '../../proto/flow/aggregate/decode-rows.ts';
import {
  AUDITED,
  DROPPED,
  ERRORS,
  FIRST_US,
  FLOWS,
  FORWARDED,
  LAST_US,
  MEASURES,
  REDIRECTED,
} from '../../proto/flow/aggregate/row-measures.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from '../../proto/flow/peek-flow.ts';
import {
  AggregateFlowsRequestSchema,
  type FlowEnd,
  type GroupField,
} from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import type { FlowFilters } from '../filter/filter-words.ts';
import { addCounts, type Counts, noCounts } from '../model/service-map.ts';
import { callStream } from './call-stream.ts';
import { AGGREGATE_FLOWS } from './rows.ts';

/** A key by which flows are told apart. */
export interface Key {
  readonly field: GroupField;
  readonly end?: FlowEnd;
  readonly bucketMs?: number;
}

/** Which stored flows are counted. */
export interface CountQuestion {
  readonly filters: FlowFilters;
  readonly sinceMs: number;
  /** Undefined = up to now. */
  readonly untilMs?: number | undefined;
  readonly keys: readonly Key[];
}

/** Flows that have the same texts for all keys. */
export interface CountRow {
  readonly texts: readonly string[];
  readonly counts: Counts;
  /** Of the first and the last of them; 0 = not known. */
  firstMs: number;
  lastMs: number;
}

/** Counts stored flows by keys, once; rows of several nodes are added up. Throws CallError. */
export async function countFlows(
  { filters, sinceMs, untilMs, keys }: CountQuestion,
  signal: AbortSignal,
): Promise<CountRow[]> {
  const request = create(AggregateFlowsRequestSchema, {
    flows: {
      ...filters,
      since: timestampFromMs(sinceMs),
      ...(untilMs !== undefined && { until: timestampFromMs(untilMs) }),
    },
    keys: keys.map((key) => ({ ...key })),
  });
  const rows = new Map<string, CountRow>();
  const peek = createFlowPeek();
  for await (const bytes of callStream(
    AGGREGATE_FLOWS,
    toBinary(AggregateFlowsRequestSchema, request),
    signal,
  )) {
    peekFlow(bytes, 0, bytes.length, peek);
    if (peek.kind !== ENVELOPE_FLOW) continue;
    const decoded = decodeRows(bytes, peek.memberStart, peek.memberEnd, keys.length);
    const words = decoded.textStarts.map((start, i) => decodeText(decoded.bytes, start, decoded.textEnds[i]));
    for (let row = 0; row < decoded.rowCount; row++) {
      const texts = keys.map((_, i) => words[decoded.keys[row * keys.length + i]]);
      const id = JSON.stringify(texts);
      let known = rows.get(id);
      if (known === undefined) rows.set(id, (known = { texts, counts: noCounts(), firstMs: 0, lastMs: 0 }));
      addCounts(known.counts, countsAt(decoded.sums, row * MEASURES));
      const firstMs = decoded.sums[row * MEASURES + FIRST_US] / 1000;
      if (firstMs > 0 && (known.firstMs === 0 || firstMs < known.firstMs)) known.firstMs = firstMs;
      known.lastMs = Math.max(known.lastMs, decoded.sums[row * MEASURES + LAST_US] / 1000);
    }
  }
  return [...rows.values()];
}

function countsAt(sums: Float64Array, at: number): Counts {
  return {
    flows: sums[at + FLOWS],
    forwarded: sums[at + FORWARDED],
    dropped: sums[at + DROPPED],
    audited: sums[at + AUDITED],
    errors: sums[at + ERRORS],
    redirected: sums[at + REDIRECTED],
  };
}
