import { onStdoutFailure } from '../streams.ts';

/**
 * Runs a long-lived job with a signal that aborts on SIGTERM and SIGINT, and also when nobody reads its stdout any more; logs go to stderr. A second SIGINT ends the
 * process at once.
 */
export async function runProcess(
  job: (io: { signal: AbortSignal; log: (line: string) => void }) => Promise<number>,
): Promise<number> {
  const abort = new AbortController();
  process.on('SIGTERM', () => abort.abort());
  process.on('SIGINT', () => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort();
  });
  onStdoutFailure(() => abort.abort());
  return job({ signal: abort.signal, log: (line) => process.stderr.write(`${line}\n`) });
}
