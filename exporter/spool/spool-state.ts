import { readFileSync } from 'node:fs';
import { replaceFile } from './replace-file.ts';

/** What a spool remembers beside its records. */
export interface SpoolState {
  /** When it was made, in µs since 1970. */
  readonly startedUs: number;
  /** Latest time of a frame in a closed segment, in µs; 0 = none. For when all segments that hold frames are gone. */
  readonly newestUs: number;
  /** Frames that were not taken, the spool being full. */
  readonly droppedNewest: number;
}

/** The state in a file; null when there is none. Throws Error that names a file that cannot be read or understood. */
export function readSpoolState(path: string): SpoolState | null {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as Record<keyof SpoolState, unknown>;
    const { startedUs, newestUs, droppedNewest } = state;
    if ([startedUs, newestUs, droppedNewest].every(Number.isFinite)) return state as SpoolState;
    throw new Error('expected {"startedUs":…,"newestUs":…,"droppedNewest":…}');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`cannot read the spool's state ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Replaces the file in one step. */
export function writeSpoolState(path: string, state: SpoolState): void {
  replaceFile(path, `${JSON.stringify(state)}\n`, true);
}
