/** One frame of a body of gRPC-web: a message, or the trailers that end it. */
export interface WebFrame {
  readonly isTrailers: boolean;
  readonly bytes: Uint8Array;
}

const PREFIX_BYTES = 5;
const TRAILERS_FLAG = 0x80;
const MAX_FRAME_BYTES = 8 * 1024 * 1024;

/** Cuts a body of gRPC-web into frames. Throws RangeError for a frame that is compressed or longer than 8 MiB. */
export class WebFrames {
  private held = new Uint8Array(0);

  push(chunk: Uint8Array): WebFrame[] {
    const bytes = this.join(chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const frames: WebFrame[] = [];
    let pos = 0;
    while (bytes.length - pos >= PREFIX_BYTES) {
      const flag = bytes[pos];
      const length = view.getUint32(pos + 1);
      if ((flag & ~TRAILERS_FLAG) !== 0) throw new RangeError(`frame with flag ${flag}, expected 0 or 128`);
      if (length > MAX_FRAME_BYTES) {
        throw new RangeError(`frame of ${length} bytes, at most ${MAX_FRAME_BYTES} allowed`);
      }
      const end = pos + PREFIX_BYTES + length;
      if (end > bytes.length) break;
      frames.push({ isTrailers: flag === TRAILERS_FLAG, bytes: bytes.subarray(pos + PREFIX_BYTES, end) });
      pos = end;
    }
    this.held = bytes.slice(pos);
    return frames;
  }

  /** Whether the body ended within a frame. */
  get isBroken(): boolean {
    return this.held.length > 0;
  }

  private join(chunk: Uint8Array): Uint8Array {
    if (this.held.length === 0) return chunk;
    const joined = new Uint8Array(this.held.length + chunk.length);
    joined.set(this.held);
    joined.set(chunk, this.held.length);
    return joined;
  }
}
