import { create, fromBinary } from '@bufbuild/protobuf';
import { useMemo, useRef } from 'react';
import { type Flow, FlowSchema } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { FlowFeed } from '../store/flow-feed.ts';
import { compareBy, type FlowColumn } from './flow-columns.ts';
import type { FlowRing } from './flow-ring.ts';
import { inOrder, newestFirst, type ShownRows } from './shown-rows.ts';

/** By which column rows of history are sorted. */
export interface SortState {
  readonly column: FlowColumn;
  readonly isDescending: boolean;
}

/**
 * The rows that a table shows. While it is held, they are those that were there when that began, though the ring goes on filling.
 * @param sort only of a stretch of history; null = newest first
 */
export function useShownRows(
  feed: FlowFeed,
  isHeld: boolean,
  sort: SortState | null,
): { readonly rows: ShownRows; readonly waiting: number } {
  const { ring } = feed;
  const held = useRef<{ readonly first: number; readonly end: number } | null>(null);
  // After another question nothing of what was held is left.
  if (!isHeld || held.current === null || held.current.end <= ring.first) {
    held.current = isHeld && ring.count > 0 ? { first: ring.first, end: ring.end } : null;
  }
  const { first, end } = held.current ?? ring;
  const isPast = feed.state === 'past';
  const rows = useMemo(
    () => (isPast && sort !== null ? inOrder(sortedSeqs(ring, sort)) : newestFirst(first, end)),
    [ring, isPast, sort, first, end],
  );
  return { rows, waiting: Math.max(0, ring.end - end) };
}

function sortedSeqs(ring: FlowRing, { column, isDescending }: SortState): number[] {
  const compare = compareBy(column);
  const sign = isDescending ? -1 : 1;
  const flows: { readonly seq: number; readonly flow: Flow }[] = [];
  for (let seq = ring.first; seq < ring.end; seq++) {
    const { responseTypes } = fromBinary(GetFlowsResponseSchema, ring.message(seq));
    flows.push({ seq, flow: responseTypes.case === 'flow' ? responseTypes.value : create(FlowSchema) });
  }
  flows.sort((a, b) => sign * compare(a.flow, b.flow) || b.seq - a.seq);
  return flows.map(({ seq }) => seq);
}
