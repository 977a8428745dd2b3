import { hostname } from 'node:os';
import type { ElasticsearchConfig } from '../../config/config.ts';
import type { ExportReport, SinkReport } from '../../serve/report.ts';
import { bodyOfJson, documentId, type JsonDocument } from './bulk-body.ts';
import { BulkWriter } from './bulk-writer.ts';
import { healthStream } from './streams.ts';

/** Counts of a sink that are told as what was added since the document before. */
type Counts = Readonly<
  Record<'delivered' | 'left_out' | 'rejected' | 'given_up' | 'duplicates' | 'retries', number>
>;

/** Writes how an exporter's sinks are as documents, one for each sink at a time. */
export class HealthWriter {
  private readonly writer: BulkWriter;
  private readonly host = hostname();
  private last = new Map<string, Counts>();

  constructor(config: ElasticsearchConfig) {
    this.writer = new BulkWriter(config, healthStream(config.namespace));
  }

  /** Writes a report; counts begin with the first one. Throws ElasticsearchError: what was not written is part of the next. */
  async write(report: ExportReport, timeMs: number, signal: AbortSignal): Promise<void> {
    const counts = new Map(report.sinks.map((sink) => [sink.name, countsOf(sink)]));
    const documents = report.sinks.map((sink) =>
      this.documentOf(report, sink, counts.get(sink.name)!, timeMs),
    );
    await this.writer.write(bodyOfJson(documents), { signal, retried: () => {} }, () => {});
    this.last = counts;
  }

  close(): Promise<void> {
    return this.writer.close();
  }

  private documentOf(report: ExportReport, sink: SinkReport, counts: Counts, timeMs: number): JsonDocument {
    const time = new Date(timeMs).toISOString();
    const before = this.last.get(sink.name) ?? counts;
    // A count that went down began anew.
    const added = Object.entries(counts).map(([name, count]): [string, number] => {
      const earlier = before[name as keyof Counts];
      return [name, count < earlier ? count : count - earlier];
    });
    const fields = {
      '@timestamp': time,
      host: { name: this.host },
      sluice: {
        export: {
          sink: sink.name,
          kind: sink.kind,
          failing: sink.problem !== '',
          ...(sink.problem !== '' && { problem: sink.problem }),
          ...Object.fromEntries(added),
          waiting: sink.waiting,
          lag_seconds: sink.lagSeconds,
          spool_bytes: report.spool.bytes,
          source_connected: report.source.state === 'following',
        },
      },
    };
    return {
      id: documentId([this.host, String(process.pid), sink.name, time]),
      json: JSON.stringify(fields),
    };
  }
}

function countsOf({ counts, counters, retries }: SinkReport): Counts {
  const sum = (prefix: string): number =>
    Object.entries(counts).reduce((total, [name, count]) => total + (name.startsWith(prefix) ? count : 0), 0);
  return {
    delivered: counts['delivered'] ?? 0,
    left_out: (counts['filtered'] ?? 0) + (counts['sampled_out'] ?? 0),
    rejected: sum('rejected_'),
    given_up: sum('spool_'),
    duplicates: counters['duplicates'] ?? 0,
    retries: Object.values(retries).reduce((total, count) => total + count, 0),
  };
}
