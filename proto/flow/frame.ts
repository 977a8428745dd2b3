import { WireError } from './wire.ts';

/** Bytes before each message on a gRPC stream: a flag byte and a big-endian length (grpc/PROTOCOL-HTTP2.md, Length-Prefixed-Message). */
export const FRAME_PREFIX_BYTES = 5;

/** The receive limit of gRPC libraries when nobody sets one. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const NOTHING = new Uint8Array(0);

/** A run of whole length-prefixed messages, back to back. See FlowBatch, which adds times. */
export interface FrameRun {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** `count + 1` used entries: where each frame's prefix starts; the last is where the run ends. */
  readonly offsets: Uint32Array;
}

/** Writes the prefix of an uncompressed message of `length` bytes. */
export function putFramePrefix(out: Uint8Array, pos: number, length: number): number {
  out[pos] = 0;
  out[pos + 1] = length >>> 24;
  out[pos + 2] = length >>> 16;
  out[pos + 3] = length >>> 8;
  out[pos + 4] = length;
  return pos + FRAME_PREFIX_BYTES;
}

/** One message as a frame of its own. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_PREFIX_BYTES + message.length);
  frame.set(message, putFramePrefix(frame, 0, message.length));
  return frame;
}

/** Room for a frame of this size at most is made as soon as its length is known. */
const ROOM_AHEAD_BYTES = 4096;
/** Offsets of many runs stand in one block: a block for each run would be more garbage than anything else here. */
const OFFSETS_BLOCK = 8192;
let offsetsBlock = new Uint32Array(OFFSETS_BLOCK);
let offsetsUsed = 0;

function copyOffsets(offsets: Uint32Array, count: number): Uint32Array {
  if (count > OFFSETS_BLOCK / 8) return offsets.slice(0, count);
  if (offsetsUsed + count > OFFSETS_BLOCK) {
    offsetsBlock = new Uint32Array(OFFSETS_BLOCK);
    offsetsUsed = 0;
  }
  const copy = offsetsBlock.subarray(offsetsUsed, offsetsUsed + count);
  for (let i = 0; i < count; i++) copy[i] = offsets[i];
  offsetsUsed += count;
  return copy;
}

/**
 * Cuts a byte stream into frames. Chunks come as the network gives them; what `push` returns are the frames complete so far, as views
 * into the chunk where one chunk holds them whole.
 */
export class FrameSplitter {
  private readonly maxMessageBytes: number;
  /** The frame that is not complete yet: `held[0, heldLength)`, with room for more. */
  private held: Uint8Array = NOTHING;
  private heldLength = 0;
  /** Size of the incomplete frame with its prefix; that of a prefix while it is not whole. */
  private wantedBytes = FRAME_PREFIX_BYTES;
  private offsets = new Uint32Array(256);

  /** @param maxMessageBytes longest message accepted; its announced length is checked before any of it is waited for */
  constructor(maxMessageBytes: number = DEFAULT_MAX_MESSAGE_BYTES) {
    this.maxMessageBytes = maxMessageBytes;
  }

  /** Bytes held back because their frame is not complete. */
  get heldBytes(): number {
    return this.heldLength;
  }

  /**
   * Takes the next chunk, which must not change afterwards, and returns the complete frames, or null when there are none.
   * Throws WireError for a compressed frame or one above the size limit; the stream is of no use after that.
   */
  push(chunk: Uint8Array): FrameRun | null {
    if (this.heldLength === 0) return this.split(chunk);
    const joined = this.join(chunk);
    if (joined.length < this.wantedBytes) return null;
    this.held = NOTHING;
    this.heldLength = 0;
    return this.split(joined);
  }

  /**
   * Like `push`, for streams of many frames: gives the frame in which the last chunk ended by itself, then those that this chunk holds whole, so that
   * only the former is copied.
   */
  pushEach(chunk: Uint8Array, take: (run: FrameRun) => void): void {
    let rest = chunk;
    while (this.heldLength > 0) {
      const missing = this.wantedBytes - this.heldLength;
      const joined = this.join(rest.subarray(0, missing));
      if (joined.length < this.wantedBytes) return;
      rest = rest.subarray(missing);
      this.held = NOTHING;
      this.heldLength = 0;
      // Nothing comes of a prefix alone, but the length to wait for.
      const run = this.split(joined);
      if (run !== null) take(run);
    }
    const run = this.split(rest);
    if (run !== null) take(run);
  }

  /** Throws WireError when the stream ended inside a frame. */
  end(): void {
    if (this.heldLength > 0) {
      throw new WireError('truncated', `stream ended ${this.heldLength} bytes into a message frame`);
    }
  }

  /**
   * Appends a chunk to what is held and returns all of it. The room doubles, so that a large message in small chunks is not copied again with each,
   * and never exceeds what has come by more than that: a length that was only announced costs nothing.
   */
  private join(chunk: Uint8Array): Uint8Array {
    const length = this.heldLength + chunk.length;
    if (length > this.held.length) {
      const room = length >= this.wantedBytes ? length : Math.min(2 * length, this.wantedBytes);
      const grown = new Uint8Array(room);
      grown.set(this.held.subarray(0, this.heldLength));
      this.held = grown;
    }
    this.held.set(chunk, this.heldLength);
    this.heldLength = length;
    return this.held.subarray(0, length);
  }

  private split(bytes: Uint8Array): FrameRun | null {
    const end = bytes.length;
    let pos = 0;
    let count = 0;
    let wantedBytes = FRAME_PREFIX_BYTES;
    while (end - pos >= FRAME_PREFIX_BYTES) {
      if (bytes[pos] !== 0) {
        throw new WireError(
          'compressed',
          `message frame with flag ${bytes[pos]}, expected 0 (not compressed)`,
        );
      }
      const length =
        bytes[pos + 1] * 0x1000000 + (bytes[pos + 2] << 16) + (bytes[pos + 3] << 8) + bytes[pos + 4];
      if (length > this.maxMessageBytes) {
        throw new WireError(
          'too-large',
          `message of ${length} bytes, at most ${this.maxMessageBytes} allowed`,
        );
      }
      if (end - pos < FRAME_PREFIX_BYTES + length) {
        wantedBytes = FRAME_PREFIX_BYTES + length;
        break;
      }
      if (count + 1 >= this.offsets.length) this.growOffsets();
      this.offsets[count++] = pos;
      pos += FRAME_PREFIX_BYTES + length;
    }
    this.wantedBytes = wantedBytes;
    if (pos < end) {
      // A copy (which `slice` is not on a Node Buffer), lest a few bytes keep the chunk alive while a quiet peer lets them wait.
      this.heldLength = end - pos;
      this.held = new Uint8Array(wantedBytes <= ROOM_AHEAD_BYTES ? wantedBytes : this.heldLength);
      this.held.set(bytes.subarray(pos));
    }
    if (count === 0) return null;
    this.offsets[count] = pos;
    return { bytes: bytes.subarray(0, pos), count, offsets: copyOffsets(this.offsets, count + 1) };
  }

  private growOffsets(): void {
    const grown = new Uint32Array(this.offsets.length * 2);
    grown.set(this.offsets);
    this.offsets = grown;
  }
}
