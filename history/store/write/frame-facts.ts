import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow, timeUsOf } from '../../../proto/flow/peek-flow.ts';
import { usualTimeUs } from '../../../proto/flow/usual-time.ts';
import { WireError } from '../../../proto/flow/wire.ts';

/** Where the frames of a block begin and end, and what their envelopes say. Reused. */
export class FrameFacts {
  count = 0;
  flows = 0;
  minTimeUs = 0;
  maxTimeUs = 0;
  /** `count + 1` used entries: where each frame begins. */
  offsets = new Uint32Array(4097);
  timesUs = new Float64Array(4096);
  /** Where each frame's flow stands; equal for a frame that has none, or in pieces. */
  flowStarts = new Uint32Array(4096);
  flowEnds = new Uint32Array(4096);
  private readonly peek = createFlowPeek();

  /**
   * Looks at whole frames that stand back to back. A message that cannot be read gets the time of the one before it. Throws WireError when the frames themselves are not whole.
   */
  read(frames: Uint8Array): void {
    this.count = 0;
    this.flows = 0;
    this.minTimeUs = Number.POSITIVE_INFINITY;
    this.maxTimeUs = Number.NEGATIVE_INFINITY;
    let lastUs = 0;
    let pos = 0;
    while (pos < frames.length) {
      if (this.count === this.timesUs.length) this.grow();
      const start = pos + FRAME_PREFIX_BYTES;
      const length =
        (frames[pos + 1] << 24) | (frames[pos + 2] << 16) | (frames[pos + 3] << 8) | frames[pos + 4];
      const end = start + length;
      if (length < 0 || end > frames.length) {
        throw new WireError('truncated', `frame of ${length} bytes at byte ${pos} of ${frames.length}`);
      }
      this.offsets[this.count] = pos;
      lastUs = this.readMessage(frames, start, end, lastUs);
      this.timesUs[this.count] = lastUs;
      if (lastUs < this.minTimeUs) this.minTimeUs = lastUs;
      if (lastUs > this.maxTimeUs) this.maxTimeUs = lastUs;
      this.count++;
      pos = end;
    }
    this.offsets[this.count] = pos;
  }

  /** Notes one message; returns its time. */
  private readMessage(frames: Uint8Array, start: number, end: number, lastUs: number): number {
    const { count } = this;
    this.flowStarts[count] = 0;
    this.flowEnds[count] = 0;
    const usualUs = usualTimeUs(frames, start, end);
    if (!Number.isNaN(usualUs)) {
      let pos = start + 1;
      let length = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = frames[pos++];
        length |= (byte & 127) << shift;
        if (byte < 128) break;
      }
      this.flows++;
      this.flowStarts[count] = pos;
      this.flowEnds[count] = pos + length;
      return usualUs;
    }
    const { peek } = this;
    try {
      peekFlow(frames, start, end, peek);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return lastUs;
    }
    if (peek.kind === ENVELOPE_FLOW) {
      this.flows++;
      if (peek.memberPieces === 1) {
        this.flowStarts[count] = peek.memberStart;
        this.flowEnds[count] = peek.memberEnd;
      }
    }
    const timeUs = timeUsOf(peek.seconds, peek.nanos);
    return Number.isSafeInteger(timeUs) ? timeUs : lastUs;
  }

  private grow(): void {
    const size = this.timesUs.length * 2;
    const grown = <T extends Uint32Array | Float64Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.offsets = grown(new Uint32Array(size + 1), this.offsets);
    this.timesUs = grown(new Float64Array(size), this.timesUs);
    this.flowStarts = grown(new Uint32Array(size), this.flowStarts);
    this.flowEnds = grown(new Uint32Array(size), this.flowEnds);
  }
}
