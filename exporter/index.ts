export { type ExportConfig } from './config/config.ts';
export { loadConfig } from './config/load-config.ts';
export { type ConfigProblem, type ParsedConfig } from './config/parse-config.ts';
export { type ExporterIo, runExporter } from './exporter.ts';
export { loadTopicReader, type TopicRange } from './kafka/index.ts';
export { type ExportReport, type SinkReport } from './serve/report.ts';
