import type { Invocation } from '../command.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import { readConfig } from './read-config.ts';

/** `sluice export validate FILE`. */
export function validateConfig({ positionals: [path] }: Invocation): Promise<number> {
  if (path === undefined) throw new UsageError('no file given: expected FILE');
  const config = readConfig(path);
  if (config === null) return Promise.resolve(1);
  const names = config.sinks.map(({ name, target }) => `${name} (${target.kind})`).join(', ');
  process.stdout.write(`${path} is good. Sinks: ${names}\n`);
  return Promise.resolve(0);
}
