import { readFileSync, statSync } from 'node:fs';
import { type ParsedConfig, parseConfig } from './parse-config.ts';

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** Reads a configuration file. What is wrong with it is returned; throws Error that names the file when it cannot be read at all. */
export function loadConfig(path: string): ParsedConfig {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Error(`${size} bytes, expected at most ${MAX_FILE_BYTES}`);
    return parseConfig(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new Error(`cannot read configuration ${path}: ${reason}`, { cause: error });
  }
}
