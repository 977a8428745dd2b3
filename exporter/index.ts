export { type ElasticsearchServers, type ExportConfig, type SecretPlace } from './config/config.ts';
export { loadConfig } from './config/load-config.ts';
export { type ConfigProblem, type ParsedConfig } from './config/parse-config.ts';
export { type ExporterIo, runExporter } from './exporter.ts';
export { type ConfigReport } from './live-config.ts';
export { loadTopicReader, type TopicRange } from './kafka/index.ts';
export { type ExportReport, type SinkReport } from './serve/report.ts';
export { isNodeUrl } from './config/read-elasticsearch-target.ts';
export type { SetupOptions } from './setup/index.ts';

/** What installs things on search servers: loaded when it is asked for, since the client of those is large. */
export const loadSetup = (): Promise<typeof import('./setup/index.ts')> => import('./setup/index.ts');
