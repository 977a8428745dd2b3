import type { EnrichmentChange } from './enrich/enrichment.ts';

/** What the worker is started with. */
export interface PipelineOptions {
  readonly rings: readonly { readonly cpu: number; readonly pointer: bigint; readonly dataBytes: number }[];
  readonly epollFd: number;
  readonly nodeName: string;
  readonly nodeLabels: readonly string[];
  readonly emitter: { readonly name: string; readonly version: string };
  /** Batches on their way to the main thread, in bytes of their buffers, beyond which events are given up and counted. */
  readonly maxQueuedBytes: number;
}

/** Main thread to worker. */
export type ToPipeline =
  | { readonly kind: 'enrich'; readonly changes: readonly EnrichmentChange[] }
  | { readonly kind: 'node-labels'; readonly labels: readonly string[] }
  /** A batch has been stored; its buffer comes back for reuse. */
  | { readonly kind: 'stored'; readonly buffer: ArrayBuffer }
  | { readonly kind: 'stop' };

/** Worker to main thread. */
export type FromPipeline =
  | {
      readonly kind: 'batch';
      readonly buffer: ArrayBuffer;
      readonly bytes: number;
      readonly count: number;
      readonly offsets: Uint32Array;
      readonly timesUs: Float64Array;
    }
  | {
      readonly kind: 'counters';
      readonly counters: PipelineCounters;
      /** Namespaces of the endpoints in flows since the last report. */
      readonly namespaces: readonly { readonly cluster: string; readonly namespace: string }[];
    }
  | { readonly kind: 'stopped'; readonly counters: PipelineCounters };

/** Totals since the worker's start. */
export interface PipelineCounters {
  /** Samples taken from the rings: encoded, malformed or dropped. */
  readonly drained: number;
  /** Samples that were no event, or rings that held no record. */
  readonly malformed: number;
  /** Events given up because the main thread did not keep up. */
  readonly queueFull: number;
}
