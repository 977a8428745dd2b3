import type { TimePoint } from '../../flow-selection.ts';
import type { Histogram } from './histogram.ts';
import type { NewestStart } from './scan.ts';
import type { StoreDamage } from './store-reader.ts';

/** Which part of a store a query is about. What is left out is not bounded. */
export interface QueryRange {
  readonly fromSeq?: number;
  readonly toSeq?: number;
  readonly since?: TimePoint | null;
  readonly until?: TimePoint | null;
}

/** A query, as it travels to the thread. Requests are encoded messages of the API, checked before. */
export type QueryTask =
  /** GetFlowsRequest: its filters and mask count; range and limit are given here. */
  | {
      readonly kind: 'flows';
      readonly request: Uint8Array;
      readonly range: QueryRange;
      readonly limit: number;
    }
  | {
      readonly kind: 'newest';
      readonly request: Uint8Array;
      readonly range: QueryRange;
      readonly number: number;
    }
  /** AggregateFlowsRequest: its filters and keys count. */
  | { readonly kind: 'aggregate'; readonly request: Uint8Array; readonly range: QueryRange }
  | {
      readonly kind: 'histogram';
      readonly request: Uint8Array;
      readonly range: QueryRange;
      readonly bucketMs: number;
    };

export type ToQueries =
  | { readonly kind: 'start'; readonly id: number; readonly task: QueryTask }
  /** One more chunk may be sent. */
  | { readonly kind: 'more'; readonly id: number }
  | { readonly kind: 'cancel'; readonly id: number };

/** What a query comes to in the end, by its kind. */
export type QueryResult =
  | { readonly kind: 'flows' }
  | { readonly kind: 'newest'; readonly start: NewestStart }
  /** Frames of AggregateFlowsResponse with all rows. */
  | { readonly kind: 'aggregate'; readonly frames: readonly Uint8Array[] }
  | { readonly kind: 'histogram'; readonly histogram: Histogram };

export type FromQueries =
  | {
      readonly kind: 'chunk';
      readonly id: number;
      readonly frames: Uint8Array;
      readonly flows: number;
      readonly damage: readonly StoreDamage[];
    }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly result: QueryResult;
      readonly damage: readonly StoreDamage[];
      /** Segments whose index is to be made anew. */
      readonly damagedIndexes: readonly number[];
    }
  | { readonly kind: 'error'; readonly id: number; readonly message: string };

/** Chunks that may be on their way: one being sent, one being made. */
export const FIRST_CREDITS = 2;
