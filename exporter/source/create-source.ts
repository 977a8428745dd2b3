import type { FlowFilter } from '../../proto/gen/flow/flow_pb.ts';
import type { SourceConfig } from '../config/config.ts';
import type { Spool } from '../spool/spool.ts';
import { RelaySource } from './relay-source.ts';
import type { Source } from './source.ts';

export interface SourceIo {
  readonly spool: Spool;
  /** What any sink wants; empty for everything. */
  readonly whitelist: readonly FlowFilter[];
  readonly log: (level: 'info' | 'warn', message: string, fields: Record<string, string | number>) => void;
}

/** The source of a configuration. A topic is read whole: what of it no sink wants, sinks leave out. */
export async function createSource(
  source: SourceConfig,
  { spool, whitelist, log }: SourceIo,
): Promise<Source> {
  if (source.kind === 'relay') return new RelaySource({ source, spool, whitelist, log });
  const { KafkaSource } = await import('./kafka-source.ts');
  return new KafkaSource({ source, spool, log });
}
