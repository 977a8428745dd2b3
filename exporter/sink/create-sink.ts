import { hostname } from 'node:os';
import type { SinkConfig } from '../config/config.ts';
import type { Sink } from './sink.ts';

/** What a sink may tell beside its results. */
export interface SinkIo {
  readonly stdout: NodeJS.WritableStream;
  readonly onError: (error: Error) => void;
}

/** The sink of a configuration. What a kind of sink needs is loaded when one is asked for. */
export async function createSink({ target, deadLetterFile }: SinkConfig, io: SinkIo): Promise<Sink> {
  switch (target.kind) {
    case 'file': {
      const { FileSink } = await import('./file/sink.ts');
      return new FileSink(target, io.onError);
    }
    case 'stdout': {
      const { StdoutSink } = await import('./stdout-sink.ts');
      return new StdoutSink(io.stdout);
    }
    case 'kafka': {
      const { createKafkaSink } = await import('./kafka/sink.ts');
      return createKafkaSink(target);
    }
    case 'elasticsearch': {
      const { createElasticsearchSink } = await import('./elasticsearch/sink.ts');
      // The same after a restart, and another for every other exporter.
      return createElasticsearchSink(target, `${hostname()}:${deadLetterFile}`);
    }
    default:
      return target satisfies never;
  }
}
