import { type DnsCounters, NO_DNS_COUNTS } from './dns/dns-counters.ts';
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

/** What became of the samples, in totals since the worker's start. */
export interface SampleCounters {
  /** Samples taken from the rings: encoded, malformed or dropped. */
  readonly drained: number;
  /** Samples that were no event, or rings that held no record. */
  readonly malformed: number;
  /** Events given up because the main thread did not keep up. */
  readonly queueFull: number;
}

/** Totals since the worker's start. */
export interface PipelineCounters extends SampleCounters {
  /** Flows beyond one for each sample that is no malformed one. DNS messages that share a segment make it more; those that are split, or are none, less: it may be negative. */
  readonly extraFlows: number;
  readonly dns: DnsCounters;
}

export const NO_COUNTS: PipelineCounters = {
  drained: 0,
  malformed: 0,
  queueFull: 0,
  extraFlows: 0,
  dns: NO_DNS_COUNTS,
};
