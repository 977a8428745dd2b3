import { once } from 'node:events';
import { onStdoutFailure } from './streams.ts';

/** Longest wait at the end for a reader that is slow. */
const LAST_WRITES_MS = 500;

/** Writes a stream of text to stdout as fast as its reader takes it, and knows when the reader is gone. */
export class Output {
  private readonly gone = new AbortController();

  constructor() {
    onStdoutFailure((error) => {
      if (error.code !== 'EPIPE') {
        process.stderr.write(`error: cannot write to stdout: ${error.message}\n`);
        process.exit(1);
      }
      this.gone.abort();
    });
  }

  /** Aborts when nobody reads any more. */
  get closed(): AbortSignal {
    return this.gone.signal;
  }

  /**
   * Writes text. A promise means that the reader lags: it resolves when more may be written, at once when the reader goes or `hurry` aborts. A caller that waits for it
   * never holds more than one batch in memory.
   */
  write(text: string, hurry?: AbortSignal): void | Promise<void> {
    if (text === '' || this.gone.signal.aborted || process.stdout.write(text)) return undefined;
    const signals = hurry === undefined ? [this.gone.signal] : [this.gone.signal, hurry];
    return once(process.stdout, 'drain', { signal: AbortSignal.any(signals) }).then(
      () => {},
      () => {}, // nobody waits any more
    );
  }

  /** Ends the process although something may still be under way, such as a connection attempt; a slow reader gets a moment for what was written last. */
  finish(): void {
    if (process.stdout.writableLength === 0 || this.gone.signal.aborted) process.exit(0);
    process.stdout.once('drain', () => process.exit(0));
    setTimeout(() => process.exit(0), LAST_WRITES_MS);
  }
}
