import type { ElasticsearchConfig, ExportConfig } from '../config/config.ts';
import type { HealthWriter } from '../sink/elasticsearch/health-writer.ts';
import { pause } from '../wait.ts';
import type { ExportReport } from './report.ts';

const INTERVAL_MS = 60_000;

export interface HealthOptions {
  readonly report: () => ExportReport;
  /** What is in force now. */
  readonly config: () => ExportConfig;
  readonly signal: AbortSignal;
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string | number>) => void;
}

/** Tells the Elasticsearch clusters of the configuration each minute how all sinks are, until the signal aborts. What cannot be told is told with the next minute. */
export async function runHealth({ report, config, signal, log }: HealthOptions): Promise<void> {
  const writers = new Map<string, HealthWriter>();
  const failed = new Set<string>();
  while (!signal.aborted) {
    const targets = targetsOf(config());
    for (const [name, target] of targets) {
      if (!writers.has(name)) {
        const module = await import('../sink/elasticsearch/health-writer.ts');
        writers.set(name, new module.HealthWriter(target));
      }
    }
    for (const [name, writer] of writers) {
      if (targets.has(name)) {
        try {
          await writer.write(report(), Date.now(), signal);
          failed.delete(name);
        } catch (error) {
          if (signal.aborted) break;
          if (!failed.has(name))
            log('warn', 'cannot tell the state of sinks', { error: (error as Error).message });
          failed.add(name);
        }
      } else {
        await writer.close();
        writers.delete(name);
      }
    }
    await pause(INTERVAL_MS, signal);
  }
  await Promise.all([...writers.values()].map((writer) => writer.close()));
}

/** Each cluster and namespace once, however many sinks write there; by all that tells them apart, so that a changed login counts as another. */
function targetsOf({ sinks }: ExportConfig): Map<string, ElasticsearchConfig> {
  const targets = new Map<string, ElasticsearchConfig>();
  for (const { target } of sinks) {
    if (target.kind !== 'elasticsearch') continue;
    const { nodes, namespace, auth, tls } = target;
    targets.set(JSON.stringify([nodes, namespace, auth, tls]), target);
  }
  return targets;
}
