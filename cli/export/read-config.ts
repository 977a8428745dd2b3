import { type ExportConfig, loadConfig } from '../../exporter/index.ts';

/** The configuration in a file; null, and its faults on stderr, when it cannot be used. Throws Error when it cannot be read. */
export function readConfig(path: string): ExportConfig | null {
  const { config, problems } = loadConfig(path);
  for (const { line, column, message } of problems) {
    process.stderr.write(`${path}:${line}:${column}: ${message}\n`);
  }
  return config;
}
