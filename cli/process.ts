/**
 * Runs a long-lived job with a signal that aborts on SIGTERM and SIGINT, and logs on stderr. A second SIGINT ends the process at once.
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
  // A log that nobody reads any more is no reason to die.
  process.stderr.on('error', () => {});
  return job({ signal: abort.signal, log: (line) => process.stderr.write(`${line}\n`) });
}
