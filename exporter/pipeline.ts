import { isDeepStrictEqual } from 'node:util';
import { compileFlowFilters } from '../proto/flow/filter/compile-filter.ts';
import type { FlowFilter } from '../proto/gen/flow/flow_pb.ts';
import type { ExportConfig, SinkConfig, SourceConfig } from './config/config.ts';
import { DeadLetters } from './delivery/dead-letters.ts';
import { Delivery } from './delivery/delivery.ts';
import { createSink } from './sink/create-sink.ts';
import { createSource } from './source/create-source.ts';
import type { Source } from './source/source.ts';
import type { Spool } from './spool/spool.ts';

export interface PipelineOptions {
  readonly spool: Spool;
  /** For sinks that write there. */
  readonly stdout: NodeJS.WritableStream;
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string | number>) => void;
  /** Aborts when all shall end. */
  readonly signal: AbortSignal;
  /** Told what makes going on senseless. */
  readonly onFailure: (error: Error) => void;
}

/** A part at work. */
interface Running<T> {
  readonly part: T;
  readonly ended: Promise<void>;
  /** Ends it; resolves when it has ended. */
  readonly stop: () => Promise<void>;
}

/** A source that fills the spool, and deliveries that empty it. What a changed configuration changes is replaced at work: the spool, and where each sink stands in it, outlast that. */
export class Pipeline {
  private readonly options: PipelineOptions;
  private inForce: ExportConfig | null = null;
  private whitelist: readonly FlowFilter[] = [];
  private running: Running<Source> | null = null;
  private readonly sinks = new Map<string, Running<Delivery>>();

  constructor(options: PipelineOptions) {
    this.options = options;
  }

  get config(): ExportConfig {
    return this.inForce!;
  }

  get source(): Source {
    return this.running!.part;
  }

  get deliveries(): readonly Delivery[] {
    return this.config.sinks.map(({ name }) => this.sinks.get(name)!.part);
  }

  /** Puts a configuration in force: what is not as it was is ended, and begun anew where it stood. Throws Error, with everything as it was, when something of it cannot be made. One call at a time. */
  async apply(next: ExportConfig): Promise<void> {
    const { spool, log, stdout } = this.options;
    const before = this.inForce;
    const old = new Map(before?.sinks.map((sink) => [sink.name, sink]));
    const changed = next.sinks.filter((sink) => !isDeepStrictEqual(sink, old.get(sink.name)));
    const onError = (name: string) => (error: Error) =>
      log('warn', 'cannot tidy up files', { sink: name, error: error.message });
    const made = await Promise.all(
      changed.map((config) => createSink(config, { stdout, onError: onError(config.name) })),
    );
    const whitelist = unionOf(next.sinks);
    const isSameSource =
      isDeepStrictEqual(next.source, before?.source) && isDeepStrictEqual(whitelist, this.whitelist);
    const source = isSameSource ? null : await createSource(next.source, { spool, whitelist, log });

    spool.setBounds({ ...next.spool, retainUs: retainUs(next.source) });
    const names = new Set(next.sinks.map(({ name }) => name));
    const removed = [...this.sinks.keys()].filter((name) => !names.has(name));
    // All before any begins: one may take over what another wrote to.
    const ending = [...removed, ...changed.map(({ name }) => name)].flatMap(
      (name) => this.sinks.get(name) ?? [],
    );
    await Promise.all(ending.map(({ stop }) => stop()));
    for (const name of removed) {
      this.sinks.delete(name);
      spool.forget(name);
    }
    for (const [i, config] of changed.entries()) {
      const delivery = new Delivery({
        config,
        sink: made[i],
        reader: spool.reader(config.name),
        deadLetters: new DeadLetters(config.deadLetterFile, onError(config.name)),
        log,
      });
      this.sinks.set(config.name, this.start(delivery));
    }
    this.inForce = next;
    if (source !== null) {
      // Sinks first: what a new one wants that no other did comes when it is there.
      await this.running?.stop();
      if (this.running !== null) source.goOnFrom(this.running.part);
      this.running = this.start(source);
      this.whitelist = whitelist;
    }
  }

  /** Resolves when everything has ended, which it does once the signal has aborted. */
  async ended(): Promise<void> {
    await this.running?.ended;
    await Promise.all([...this.sinks.values()].map(({ ended }) => ended));
  }

  private start<T extends { run(signal: AbortSignal): Promise<void> }>(part: T): Running<T> {
    const stop = new AbortController();
    const { signal, onFailure } = this.options;
    const ended = part.run(AbortSignal.any([signal, stop.signal])).catch(onFailure);
    return {
      part,
      ended,
      stop: () => {
        stop.abort();
        return ended;
      },
    };
  }
}

/** What a resumed stream needs to tell again what it brings, in µs. Kafka's offsets need nothing. */
export function retainUs(source: SourceConfig): number {
  return source.kind === 'relay' ? 2000 * source.overlapMs : 0;
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
