import { stampOf } from '../../rpc/tls-files.ts';
import { pause } from '../wait.ts';
import { loadConfig } from './load-config.ts';
import type { ParsedConfig } from './parse-config.ts';

const LOOK_MS = 1000;

export interface ConfigFollower {
  readonly signal: AbortSignal;
  /** Calls back whenever the file is to be read at once. */
  readonly onAsked?: (listener: () => void) => void;
  /** Gets what the file holds, or why it cannot be read. What is given next waits for it. */
  readonly take: (found: ParsedConfig | Error) => Promise<void>;
}

/**
 * Reads a configuration file whenever it has changed, and once at the beginning, for it may have changed since whoever calls read it. The file is looked at, not watched: that sees mounted files replaced, too.
 * A change is read when nothing more has changed for a moment: half of a file may be a valid one with fewer sinks. Runs until `signal` aborts.
 */
export async function followConfig(path: string, { signal, onAsked, take }: ConfigFollower): Promise<void> {
  let asked = new AbortController();
  onAsked?.(() => asked.abort());
  let taken = '';
  let seen = stampOf([path]);
  while (!signal.aborted) {
    const isAsked = asked.signal.aborted;
    if (isAsked) asked = new AbortController();
    const stamp = stampOf([path]);
    if (isAsked || (stamp === seen && stamp !== taken)) {
      taken = stamp;
      await take(readConfig(path));
    }
    seen = stamp;
    await pause(LOOK_MS, AbortSignal.any([signal, asked.signal]));
  }
}

function readConfig(path: string): ParsedConfig | Error {
  try {
    return loadConfig(path);
  } catch (error) {
    return error as Error;
  }
}
