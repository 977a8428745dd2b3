/** From many who give to one who takes: who gives waits until what is given was taken. */
export class Handover<T> {
  private readonly given: { readonly item: T; readonly taken: () => void }[] = [];
  private wake: () => void = () => {};
  private isDone = false;
  private isLeft = false;
  private error: unknown = null;

  /** Resolves when the item was taken, or nobody takes any more. */
  give(item: T): Promise<void> {
    if (this.isLeft) return Promise.resolve();
    return new Promise((taken) => {
      this.given.push({ item, taken });
      this.wake();
    });
  }

  /** What is given comes from this work: when it is done, nothing more comes; its error is the taker's. */
  follow(work: Promise<void>): void {
    const done = (error: unknown): void => {
      this.error = error;
      this.isDone = true;
      this.wake();
    };
    work.then(
      () => done(null),
      (error: unknown) => done(error),
    );
  }

  /** Everything that is given, until the work is done. */
  async *take(): AsyncGenerator<T> {
    try {
      for (;;) {
        const next = this.given.shift();
        if (next !== undefined) {
          try {
            yield next.item;
          } finally {
            // Also when the taker leaves with this one in his hands.
            next.taken();
          }
        } else if (this.isDone) {
          if (this.error !== null) throw this.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.isLeft = true;
      for (const { taken } of this.given.splice(0)) taken();
    }
  }
}
