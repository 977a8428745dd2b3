/** Bytes that all of some kind may take together. */
export class ByteBudget {
  private leftBytes: number;

  constructor(bytes: number) {
    this.leftBytes = bytes;
  }

  /** Begins to take from it. Close what it returns: that gives everything back. */
  open(): ByteShare {
    let takenBytes = 0;
    return {
      take: (bytes) => {
        if (bytes > this.leftBytes) return false;
        this.leftBytes -= bytes;
        takenBytes += bytes;
        return true;
      },
      close: () => {
        this.leftBytes += takenBytes;
        takenBytes = 0;
      },
    };
  }
}

/** What one of them has taken. */
export interface ByteShare {
  /** False when not so much is left; nothing is taken then. */
  take(bytes: number): boolean;
  close(): void;
}
