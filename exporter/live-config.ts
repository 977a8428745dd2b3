import { isDeepStrictEqual } from 'node:util';
import { formatAddress } from '../rpc/index.ts';
import type { ExportConfig } from './config/config.ts';
import type { ParsedConfig } from './config/parse-config.ts';
import type { Pipeline } from './pipeline.ts';

/** What became of changes to the configuration file. */
export interface ConfigReport {
  /** The file that is followed; empty when none is. */
  readonly file: string;
  /** Changes that were put in force since the process began. */
  readonly reloads: number;
  /** Why what the file holds now is not in force, and the one before still is; empty when it is. */
  readonly problem: string;
  /** Settings of the file that wait for a restart. */
  readonly needsRestart: readonly string[];
}

/** Puts what a configuration file holds in force, or says why not: a file that cannot be used leaves the one before in force. */
export class LiveConfig {
  private readonly file: string;
  private readonly pipeline: Pipeline;
  private readonly log: (
    level: 'info' | 'warn',
    message: string,
    fields: Record<string, string | number>,
  ) => void;
  private reloads = 0;
  private problem = '';
  private needsRestart: readonly string[] = [];
  private newest: ExportConfig;

  constructor(
    file: string,
    pipeline: Pipeline,
    log: (level: 'info' | 'warn', message: string, fields: Record<string, string | number>) => void,
  ) {
    this.file = file;
    this.pipeline = pipeline;
    this.log = log;
    this.newest = pipeline.config;
  }

  get report(): ConfigReport {
    const { file, reloads, problem, needsRestart } = this;
    return { file, reloads, problem, needsRestart };
  }

  /** Takes what the file holds. Never throws. */
  async take(found: ParsedConfig | Error): Promise<void> {
    if (found instanceof Error) return this.refuse(found.message);
    if (found.config === null) {
      const [{ line, column, message }] = found.problems;
      const more = found.problems.length > 1 ? ` (and ${found.problems.length - 1} more)` : '';
      return this.refuse(`${this.file}:${line}:${column}: ${message}${more}`);
    }
    const { config } = this.pipeline;
    const next = found.config;
    if (next.spool.directory !== config.spool.directory) {
      // Sinks' files may stand in it: nothing of such a file can be taken.
      return this.refuse(
        `spool.directory is ${next.spool.directory}, and ${config.spool.directory} is in use: restart the exporter`,
        ['spool.directory'],
      );
    }
    const isMoved = addressText(next) !== addressText(config);
    try {
      await this.pipeline.apply({ ...next, metrics: config.metrics });
    } catch (error) {
      return this.refuse((error as Error).message);
    }
    this.accept(next, isMoved ? ['metrics.listen'] : []);
  }

  private accept(next: ExportConfig, needsRestart: readonly string[]): void {
    const isNew = !isDeepStrictEqual(next, this.newest);
    this.newest = next;
    this.problem = '';
    this.needsRestart = needsRestart;
    if (!isNew) return;
    this.reloads++;
    this.log('info', 'changed configuration is in force', {
      sinks: next.sinks.map(({ name }) => name).join(','),
      ...(needsRestart.length > 0 && { needsRestart: needsRestart.join(',') }),
    });
  }

  private refuse(problem: string, needsRestart: readonly string[] = []): void {
    if (problem !== this.problem) {
      this.log('warn', 'changed configuration cannot be used, the one before stays in force', { problem });
    }
    this.problem = problem;
    this.needsRestart = needsRestart;
  }
}

function addressText({ metrics }: ExportConfig): string {
  return metrics === null ? 'none' : formatAddress(metrics);
}
