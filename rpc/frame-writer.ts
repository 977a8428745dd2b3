/** Runs at least this large go out as they are; smaller ones are gathered first. */
const DIRECT_BYTES = 16 * 1024;
const BUFFER_BYTES = 64 * 1024;
/**
 * Bytes that may wait in the stream before its writer is held. More than node's own 16 KiB, so that a busy event loop finds enough to send each time it comes round;
 * it is also what a reader that has stopped costs at most.
 */
const HELD_BYTES = 1024 * 1024;

/** The part of an HTTP/2 stream or HTTP/1.1 response that the writer needs. */
export interface ByteSink {
  write(chunk: Uint8Array, onSent?: () => void): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
  readonly destroyed: boolean;
  readonly writableLength: number;
}

/**
 * Gathers length-prefixed messages into writes of 16 to 64 KiB: still plain gRPC for the reader, at a twentieth of the cost of a write per message.
 * What was gathered goes out when the buffer is full and at the end of the current turn of the event loop.
 */
export class FrameWriter {
  private readonly sink: ByteSink;
  private buffer = new Uint8Array(0);
  private used = 0;
  /** Start of the part of `buffer` not handed to the sink yet; what was handed over must not change any more. */
  private flushed = 0;
  private scheduled = false;

  constructor(sink: ByteSink) {
    this.sink = sink;
  }

  /**
   * Takes whole frames. Large runs are passed on without a copy, so the bytes must not change until `onSent` is called. Returns false when the client does not keep
   * up: the caller should wait for `drained()` before it writes more.
   * @param onSent called once the bytes are not looked at any more: they are on their way, copied, or nobody wants them. At once, where that is so
   */
  write(frames: Uint8Array, onSent?: () => void): boolean {
    if (this.sink.destroyed) {
      onSent?.();
      return false;
    }
    if (frames.length >= DIRECT_BYTES) {
      this.flush();
      this.sink.write(frames, onSent);
      return this.hasRoom;
    }
    if (this.used + frames.length > this.buffer.length) {
      this.flush();
      this.buffer = new Uint8Array(BUFFER_BYTES);
      this.used = 0;
      this.flushed = 0;
    }
    this.buffer.set(frames, this.used);
    this.used += frames.length;
    onSent?.();
    if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    }
    return this.hasRoom;
  }

  private get hasRoom(): boolean {
    return this.sink.writableLength < HELD_BYTES;
  }

  /** Hands everything gathered to the stream now. */
  flush(): void {
    if (this.used === this.flushed || this.sink.destroyed) return;
    this.sink.write(this.buffer.subarray(this.flushed, this.used));
    this.flushed = this.used;
  }

  /** Resolves when the stream takes more or is gone, or when `signal` aborts: a client that reads nothing must not hold its writer beyond that. */
  async drained(signal: AbortSignal): Promise<void> {
    this.flush();
    if (this.sink.destroyed || this.hasRoom || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.sink.off('drain', done);
        this.sink.off('close', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.sink.once('drain', done);
      this.sink.once('close', done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
