import { UsageError } from '../../flags/flag-spec.ts';
import type { Settings } from '../settings/settings.ts';

/** Throws UsageError for a file beside a server that is to be reached in a way of its own. */
export function checkFileAlone(file: string, settings: Settings): void {
  if (file !== '' && settings.bool('port-forward')) {
    throw new UsageError('--input-file and --port-forward cannot be used together: a file needs no server');
  }
}
