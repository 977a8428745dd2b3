import { lockDirectory } from '../../history/log/directory-lock.ts';

/** Makes sure that one exporter writes a spool. Throws Error when another process holds it; `close` gives it back. */
export function lockSpool(directory: string): Promise<{ close(): void }> {
  const inUse = `another exporter uses the spool ${directory}: stop it first, or give this one another directory`;
  return lockDirectory(directory, 'spool', inUse);
}
