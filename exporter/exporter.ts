import { compileFlowFilters } from '../proto/flow/filter/compile-filter.ts';
import type { FlowFilter } from '../proto/gen/flow/flow_pb.ts';
import { formatAddress } from '../rpc/index.ts';
import { logLine } from '../rpc/log.ts';
import type { ExportConfig, SinkConfig, SourceConfig } from './config/config.ts';
import { DeadLetters } from './delivery/dead-letters.ts';
import { Delivery } from './delivery/delivery.ts';
import { type StatusServer, serveStatus } from './serve/status-server.ts';
import { reportOf } from './serve/report.ts';
import { createSink } from './sink/create-sink.ts';
import { createSource } from './source/create-source.ts';
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
  let server: StatusServer | null = null;
  try {
    const deliveries: Delivery[] = [];
    for (const sink of config.sinks) deliveries.push(await createDelivery(sink, spool, io, log));
    const whitelist = unionOf(config.sinks);
    const source = await createSource(config.source, { spool, whitelist, log });
    if (config.metrics !== null) {
      server = await serveStatus(config.metrics, () => reportOf({ config, source, spool, deliveries }));
    }
    log('info', 'exporter ready', {
      source: source.name,
      sinks: config.sinks.map(({ name }) => name).join(','),
      ...(server !== null && { metrics: formatAddress(server.address) }),
    });
    await runAll([source, ...deliveries], io.signal);
  } finally {
    await server?.close();
    await spool.close();
  }
}

/** What a resumed stream needs to tell again what it brings. Kafka's offsets need nothing. */
function retainUs(source: SourceConfig): number {
  return source.kind === 'relay' ? 2000 * source.overlapMs : 0;
}

async function createDelivery(config: SinkConfig, spool: Spool, io: ExporterIo, log: Log): Promise<Delivery> {
  const onError = (error: Error): void =>
    log('warn', 'cannot tidy up files', { sink: config.name, error: error.message });
  return new Delivery({
    config,
    sink: await createSink(config, { stdout: io.stdout, onError }),
    reader: spool.reader(config.name),
    deadLetters: new DeadLetters(config.deadLetterFile, onError),
    log,
  });
}

/** Runs all until the signal aborts or one of them fails, which ends the others. Throws what failed first. */
async function runAll(
  parts: readonly { run(signal: AbortSignal): Promise<void> }[],
  signal: AbortSignal,
): Promise<void> {
  const broken = new AbortController();
  const stop = AbortSignal.any([signal, broken.signal]);
  await Promise.all(parts.map((part) => part.run(stop).catch((error: Error) => broken.abort(error))));
  if (broken.signal.aborted) throw broken.signal.reason as Error;
}

/** What any sink may want, for the source to leave out the rest; everything where one has no list, or where together they are more than a request may hold. */
function unionOf(sinks: readonly SinkConfig[]): readonly FlowFilter[] {
  if (sinks.some(({ allowList }) => allowList.length === 0)) return [];
  const union = sinks.flatMap(({ allowList }) => allowList);
  if (union.length > 1000) return [];
  try {
    compileFlowFilters(union, []);
    return union;
  } catch {
    return []; // each list is good by itself
  }
}
