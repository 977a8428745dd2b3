import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { createFlowPeek, peekFlow, timeUsOf } from '../proto/flow/peek-flow.ts';
import type { RingRun } from './flow-segment.ts';

/** A point in time, exact to the nanosecond. */
export interface TimePoint {
  readonly seconds: number;
  readonly nanos: number;
}

/** Which entries a reader wants, in GetFlows' terms. */
export interface FlowSelection {
  /** Most flows to replay; 0 = no limit. */
  readonly number: number;
  /** Count from the oldest end. Not together with `follow`. */
  readonly first: boolean;
  readonly follow: boolean;
  readonly since: TimePoint | null;
  readonly until: TimePoint | null;
  /** Test of the message at `bytes[start, end)`; null = everything. Not asked about lost events, which pass every filter. */
  readonly matches: ((bytes: Uint8Array, start: number, end: number) => boolean) | null;
  /** Changes a matching message (a field mask) and returns it as a frame; null = as it is. */
  readonly transform: ((bytes: Uint8Array, start: number, end: number) => Uint8Array) | null;
}

/** Whether a selection's filter lets entry i of a run pass. */
export function passes({ matches }: FlowSelection, run: RingRun, i: number): boolean {
  return matches === null || matches(run.bytes, run.offset(i) + FRAME_PREFIX_BYTES, run.offset(i + 1));
}

const peek = createFlowPeek();

/** Below, at or above 0 as entry i of a run is earlier than, at or later than a point in time. The index decides; the message itself is asked only within a microsecond. */
export function compareTime(run: RingRun, i: number, point: TimePoint): number {
  const difference = run.timeUs(i) - timeUsOf(point.seconds, point.nanos);
  if (difference !== 0) return difference;
  peekFlow(run.bytes, run.offset(i) + FRAME_PREFIX_BYTES, run.offset(i + 1), peek);
  return (peek.nanos % 1000) - (point.nanos % 1000);
}
