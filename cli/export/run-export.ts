import { runExporter } from '../../exporter/index.ts';
import type { Invocation } from '../command.ts';
import { lastText, UsageError } from '../../flags/flag-spec.ts';
import { runProcess } from '../process/run-process.ts';
import { readConfig } from './read-config.ts';

/** `sluice export --config FILE`. */
export function runExport({ uses }: Invocation): Promise<number> {
  const path = lastText(uses, 'config');
  if (path === undefined) throw new UsageError('no configuration given: expected --config FILE');
  const config = readConfig(path);
  if (config === null) return Promise.resolve(1);
  const onReloadAsked = (listener: () => void): void => void process.on('SIGHUP', listener);
  return runProcess((io) =>
    runExporter(config, { ...io, stdout: process.stdout, configFile: path, onReloadAsked }),
  );
}
