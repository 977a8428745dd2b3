import { loadConfig } from '../../exporter/index.ts';
import type { Invocation } from '../command.ts';
import { UsageError } from '../flags/flag-spec.ts';

/** `sluice export validate FILE`. */
export function validateConfig({ positionals: [path] }: Invocation): Promise<number> {
  if (path === undefined) throw new UsageError('no file given: expected FILE');
  const { config, problems } = loadConfig(path);
  for (const { line, column, message } of problems) {
    process.stderr.write(`${path}:${line}:${column}: ${message}\n`);
  }
  if (config === null) return Promise.resolve(1);
  const names = config.sinks.map(({ name, target }) => `${name} (${target.kind})`);
  process.stdout.write(
    `${path}: good, ${names.length === 1 ? 'one sink' : `${names.length} sinks`}: ${names.join(', ')}\n`,
  );
  return Promise.resolve(0);
}
