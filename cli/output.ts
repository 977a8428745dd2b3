/** Writes to stdout as fast as its reader takes it. */
export class Output {
  private broken = false;

  constructor() {
    // The reader of a pipe has gone (`| head`): there is nobody to tell.
    process.stdout.on('error', () => (this.broken = true));
  }

  /** Whether the reader is gone. */
  get isClosed(): boolean {
    return this.broken;
  }

  /** Writes text; the promise, if there is one, resolves when more may be written. */
  write(text: string): void | Promise<void> {
    if (text === '' || this.broken || process.stdout.write(text)) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        process.stdout.off('drain', done);
        process.stdout.off('error', done);
        process.stdout.off('close', done);
        resolve();
      };
      process.stdout.on('drain', done);
      process.stdout.on('error', done);
      process.stdout.on('close', done);
    });
  }
}
