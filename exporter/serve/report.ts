import type { Delivery } from '../delivery/delivery.ts';
import type { ConfigReport } from '../live-config.ts';
import type { Pipeline } from '../pipeline.ts';
import type { SourceCounts } from '../source/frame-sorter.ts';
import type { Spool } from '../spool/spool.ts';

/** State and counts of an exporter at one moment. */
export interface ExportReport {
  readonly config: ConfigReport;
  readonly source: SourceReport;
  readonly spool: SpoolReport;
  readonly sinks: readonly SinkReport[];
}

export interface SourceReport {
  readonly address: string;
  readonly state: 'connecting' | 'following';
  /** Why it is not following; empty when it is. */
  readonly reason: string;
  readonly breaks: number;
  readonly gaps: number;
  readonly counts: Readonly<SourceCounts>;
}

export interface SpoolReport {
  readonly bytes: number;
  readonly maxBytes: number;
  /** Messages ever written. */
  readonly written: number;
  /** Messages not taken because it was full. */
  readonly droppedNewest: number;
  readonly writeErrors: number;
  /** Whether the source is held back right now. */
  readonly isHeld: boolean;
}

export interface SinkReport {
  readonly name: string;
  readonly kind: string;
  /** Why it does not get on; empty while it does. */
  readonly problem: string;
  /** Messages by what became of them, since the sink first began: delivered, filtered, sampled_out, rejected_*, spool_full, spool_damaged. */
  readonly counts: Readonly<Record<string, number>>;
  /** Messages in the spool that are not acknowledged yet. */
  readonly waiting: number;
  /** How far the newest acknowledged flow is behind the newest in the spool, in seconds; 0 when nothing waits. */
  readonly lagSeconds: number;
  readonly retries: Readonly<Record<string, number>>;
  /** What the sink counts beside, since it was last opened: `duplicates` that its store had already, … */
  readonly counters: Readonly<Record<string, number>>;
}

export function reportOf({
  pipeline,
  spool,
  config,
}: {
  readonly pipeline: Pipeline;
  readonly spool: Spool;
  readonly config: ConfigReport;
}): ExportReport {
  const { source, deliveries } = pipeline;
  return {
    config,
    source: {
      address: source.name,
      state: source.state.name,
      reason: source.state.name === 'connecting' ? source.state.reason : '',
      breaks: source.breaks,
      gaps: source.gaps,
      counts: source.counts,
    },
    spool: {
      bytes: spool.bytes,
      maxBytes: pipeline.config.spool.maxBytes,
      written: spool.end,
      droppedNewest: spool.droppedNewest,
      writeErrors: spool.writeErrors,
      isHeld: spool.isHeld,
    },
    sinks: deliveries.map((delivery) => sinkReport(delivery, spool)),
  };
}

function sinkReport(delivery: Delivery, spool: Spool): SinkReport {
  const { config, reader, deliveredTimeUs } = delivery;
  const waiting = spool.end - reader.acked;
  const behindUs = spool.newestTimeUs - deliveredTimeUs;
  return {
    name: config.name,
    kind: config.target.kind,
    problem: delivery.problem ?? '',
    counts: { ...reader.counts, ...reader.lost },
    waiting,
    lagSeconds: waiting > 0 && Number.isFinite(behindUs) ? Math.max(0, behindUs / 1e6) : 0,
    retries: Object.fromEntries(delivery.retries),
    counters: delivery.counters,
  };
}
