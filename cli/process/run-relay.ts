import { runExporter } from '../../exporter/index.ts';
import { type ProcessIo, type RelayOptions, runRelay } from '../../relay/index.ts';
import { readConfig } from '../export/read-config.ts';

/** Runs a relay, and an exporter of a configuration file beside it in the same process: when one of them ends, so does the other. Resolves to the exit status: 1 when one of them failed. */
export async function runRelayWithExport(
  options: RelayOptions,
  configFile: string,
  io: ProcessIo,
): Promise<number> {
  const config = readConfig(configFile);
  if (config === null) return 1;
  const ended = new AbortController();
  const signal = AbortSignal.any([io.signal, ended.signal]);
  const end = (): void => ended.abort();
  const onReloadAsked = (listener: () => void): void => void process.on('SIGHUP', listener);
  const statuses = await Promise.all([
    runRelay(options, { ...io, signal }).finally(end),
    runExporter(config, { ...io, signal, stdout: process.stdout, configFile, onReloadAsked }).finally(end),
  ]);
  return Math.max(...statuses);
}
