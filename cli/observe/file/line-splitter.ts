/** Hubble's limit, that of Go's bufio.Scanner. */
export const MAX_LINE_BYTES = 64 * 1024;

const LINE_BREAK = 10;
const CARRIAGE_RETURN = 13;

/** A line that is longer than a response may be. */
export class LineLengthError extends Error {
  override readonly name = 'LineLengthError';
}

/** Takes the line `bytes[start, end)`, behind which `bytes[end]` is a carriage return or a line break; the bytes are its own only until it returns. False: no more, please. */
export type TakeLine = (bytes: Uint8Array, start: number, end: number) => boolean;

/** Cuts chunks of bytes into lines in constant memory: only what a chunk begins and does not end is copied. */
export class LineSplitter {
  private readonly take: TakeLine;
  /** The beginning of a line, and room for a line break behind it. */
  private readonly held = new Uint8Array(MAX_LINE_BYTES + 2);
  private heldBytes = 0;
  private count = 0;

  constructor(take: TakeLine) {
    this.take = take;
  }

  /** Takes the lines that end in a chunk; false once the taker wants no more. Throws LineLengthError. */
  push(chunk: Uint8Array): boolean {
    let start = 0;
    for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, start)) {
      const goesOn = this.heldBytes > 0 ? this.endHeld(chunk, start, end) : this.line(chunk, start, end);
      if (!goesOn) return false;
      start = end + 1;
    }
    this.hold(chunk, start, chunk.length);
    return true;
  }

  /** Takes a last line without a line break. */
  end(): void {
    if (this.heldBytes > 0) this.endHeld(this.held, 0, 0);
  }

  /** Ends the line whose beginning is held with `chunk[start, end)`. */
  private endHeld(chunk: Uint8Array, start: number, end: number): boolean {
    this.hold(chunk, start, end);
    this.held[this.heldBytes] = LINE_BREAK;
    const length = this.heldBytes;
    this.heldBytes = 0;
    return this.line(this.held, 0, length);
  }

  private hold(chunk: Uint8Array, start: number, end: number): void {
    if (this.heldBytes + end - start > MAX_LINE_BYTES + 1) throw this.tooLong();
    this.held.set(chunk.subarray(start, end), this.heldBytes);
    this.heldBytes += end - start;
  }

  private line(bytes: Uint8Array, start: number, end: number): boolean {
    const last = end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (last - start > MAX_LINE_BYTES) throw this.tooLong();
    this.count++;
    return this.take(bytes, start, last);
  }

  private tooLong(): LineLengthError {
    return new LineLengthError(`line ${this.count + 1} is longer than ${MAX_LINE_BYTES} bytes`);
  }
}
