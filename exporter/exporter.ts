import { formatAddress } from '../rpc/index.ts';
import { logLine } from '../rpc/log.ts';
import type { ExportConfig } from './config/config.ts';
import { followConfig } from './config/follow-config.ts';
import { LiveConfig } from './live-config.ts';
import { Pipeline, retainUs } from './pipeline.ts';
import { type StatusServer, serveStatus } from './serve/status-server.ts';
import { type ExportReport, reportOf } from './serve/report.ts';
import { runHealth } from './serve/run-health.ts';
import { Spool } from './spool/spool.ts';
import { tuneMemory } from './tune-memory.ts';

/** What an exporter gets from whoever starts it. */
export interface ExporterIo {
  /** Aborts when the process shall end. */
  readonly signal: AbortSignal;
  /** Takes one log line, without a line break. */
  readonly log: (line: string) => void;
  /** For sinks that write there. */
  readonly stdout: NodeJS.WritableStream;
  /** The file that the configuration is from: what changes in it is put in force. */
  readonly configFile?: string;
  /** Calls back whenever the file is to be read at once. */
  readonly onReloadAsked?: (listener: () => void) => void;
}

/** Runs an exporter until `io.signal` aborts. Returns the exit status: 0 for a clean end, 1 when it could not start or go on (told in the log). */
export async function runExporter(config: ExportConfig, io: ExporterIo): Promise<number> {
  tuneMemory();
  try {
    await run(config, io);
    io.log(logLine('info', 'exporter stopped'));
    return 0;
  } catch (error) {
    io.log(logLine('error', (error as Error).message));
    return 1;
  }
}

type Log = (level: 'info' | 'warn', message: string, fields?: Record<string, string | number>) => void;

async function run(config: ExportConfig, io: ExporterIo): Promise<void> {
  const log: Log = (level, message, fields = {}) => io.log(logLine(level, message, fields));
  const spool = await Spool.open({ ...config.spool, retainUs: retainUs(config.source), log });
  // What fails for good ends everything.
  const broken = new AbortController();
  const signal = AbortSignal.any([io.signal, broken.signal]);
  const pipeline = new Pipeline({
    spool,
    stdout: io.stdout,
    log,
    signal,
    onFailure: (error) => broken.abort(error),
  });
  let server: StatusServer | null = null;
  let telling: Promise<void> = Promise.resolve();
  try {
    await pipeline.apply(config);
    const live = new LiveConfig(io.configFile ?? '', pipeline, log);
    const report = (): ExportReport => reportOf({ pipeline, spool, config: live.report });
    if (config.metrics !== null) server = await serveStatus(config.metrics, report);
    telling = runHealth({ report, config: () => pipeline.config, signal, log });
    log('info', 'exporter ready', {
      source: pipeline.source.name,
      sinks: config.sinks.map(({ name }) => name).join(','),
      ...(server !== null && { metrics: formatAddress(server.address) }),
    });
    if (io.configFile === undefined) await aborted(signal);
    else {
      const onAsked = io.onReloadAsked;
      await followConfig(io.configFile, {
        signal,
        ...(onAsked !== undefined && { onAsked }),
        take: (found) => live.take(found),
      });
    }
  } catch (error) {
    broken.abort(error);
  } finally {
    await pipeline.ended();
    await telling;
    await server?.close();
    await spool.close();
  }
  if (broken.signal.aborted) throw broken.signal.reason as Error;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
