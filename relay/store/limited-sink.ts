import type { FrameSink } from '../../history/index.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';

/** Lets a number of flows pass, and then nothing more. Frames that are no flows do not count. */
export class LimitedSink {
  /** Flows that may still pass. */
  left: number;
  private readonly sink: FrameSink;

  /** @param limit most flows; 0 = all */
  constructor(sink: FrameSink, limit: number) {
    this.sink = sink;
    this.left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  get isDone(): boolean {
    return this.left <= 0;
  }

  /** Whole frames, back to back. False when the client does not keep up. */
  write(frames: Uint8Array, onSent?: () => void): boolean {
    if (this.left === Number.POSITIVE_INFINITY) return this.sink.write(frames, onSent);
    const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
    let pos = 0;
    while (pos < frames.length && this.left > 0) {
      if (isFlowFrame(frames, pos)) this.left--;
      pos += FRAME_PREFIX_BYTES + view.getUint32(pos + 1);
    }
    if (pos === 0) {
      onSent?.();
      return true;
    }
    return this.sink.write(frames.subarray(0, pos), onSent);
  }
}
