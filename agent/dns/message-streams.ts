/**
 * DNS messages out of TCP segments (RFC 1035 section 4.2.2: two bytes of length, then the message). Most messages lie whole in one segment and are read where they are; of
 * others the beginning is kept until enough is there. Segments are taken in order only: what comes too early ends the message that was waited for.
 */

/** Gets a message: `bytes[start, end)`, of `sentBytes` that were sent; valid only during the call. */
export type MessageListener = (bytes: Uint8Array, start: number, end: number, sentBytes: number) => void;

/** Bytes kept of a message, its length included: what the programs capture of one segment. */
const MAX_KEPT_BYTES = 1280;
const LENGTH_BYTES = 2;
/** Sequence numbers this close belong to the same connection; further away, to another with the same ports. */
const WINDOW_BYTES = 1 << 20;

/** One direction of a connection. */
interface Stream {
  /** Sequence number of the byte that comes next. */
  next: number;
  /** The message under way: its first bytes, up to MAX_KEPT_BYTES; null = none is. */
  kept: Uint8Array | null;
  keptBytes: number;
  /** Bytes still to come of a message that was given on already. */
  skip: number;
}

export class MessageStreams {
  private readonly streams = new Map<string, Stream>();
  private readonly maxStreams: number;
  private readonly onMessage: MessageListener;
  private gapCount = 0;

  /** @param maxStreams directions of connections remembered; beyond them, the one that was silent for longest is forgotten */
  constructor(maxStreams: number, onMessage: MessageListener) {
    this.maxStreams = maxStreams;
    this.onMessage = onMessage;
  }

  /** Places where messages went unread: a segment was missing or captured too little, or a length was none. */
  get gaps(): number {
    return this.gapCount;
  }

  /**
   * Takes a segment's payload `bytes[start, end)` and gives on what it completes.
   * @param key names the connection and direction
   * @param sentBytes the payload's length as it was sent
   */
  take(
    key: string,
    sequence: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    sentBytes: number,
  ): void {
    let stream = this.streams.get(key);
    if (stream === undefined) {
      stream = { next: sequence, kept: null, keptBytes: 0, skip: 0 };
      if (this.streams.size >= this.maxStreams) this.forgetOldest();
    } else {
      this.streams.delete(key);
      const ahead = (sequence - stream.next) | 0;
      if (ahead < 0 && ahead > -WINDOW_BYTES) {
        // Sent again: only what lies beyond what is known counts.
        start -= ahead;
        sentBytes += ahead;
        if (start > end && sentBytes > 0) return this.lose(key);
        if (sentBytes <= 0) {
          this.streams.set(key, stream);
          return;
        }
      } else if (ahead !== 0) {
        if (ahead < WINDOW_BYTES && ahead > 0) this.gapCount++;
        stream.kept = null;
        stream.skip = 0;
        stream.next = sequence;
      }
    }
    // Behind all others: the first is the one that was silent for longest.
    this.streams.set(key, stream);
    stream.next = (stream.next + sentBytes) | 0;
    if (!this.feed(stream, bytes, start, Math.min(end, start + sentBytes), sentBytes)) this.lose(key);
  }

  private forgetOldest(): void {
    const [oldest] = this.streams.keys();
    this.streams.delete(oldest);
  }

  /** Where the next message starts is not known any more: the next segment is taken for the beginning of one. */
  private lose(key: string): void {
    this.gapCount++;
    this.streams.delete(key);
  }

  /** False when it lost its place in the stream. */
  private feed(stream: Stream, bytes: Uint8Array, at: number, end: number, sentBytes: number): boolean {
    const missing = sentBytes - (end - at);
    while (at < end) {
      if (stream.skip > 0) {
        const skipped = Math.min(stream.skip, end - at);
        stream.skip -= skipped;
        at += skipped;
        continue;
      }
      if (stream.kept === null && end - at >= LENGTH_BYTES) {
        const length = (bytes[at] << 8) | bytes[at + 1];
        if (length === 0) return false;
        at += LENGTH_BYTES;
        const there = Math.min(length, end - at);
        if (there === length || missing > 0) {
          this.onMessage(bytes, at, at + there, length);
          stream.skip = length - there;
          at += there;
          continue;
        }
        at -= LENGTH_BYTES;
      }
      at = this.keep(stream, bytes, at, end);
      if (at < 0) return false;
    }
    if (missing === 0) return true;
    if (stream.kept !== null) this.giveKept(stream);
    if (stream.skip < missing) return false;
    stream.skip -= missing;
    return true;
  }

  /** Adds to the message under way, and gives it on once it is whole or as long as it may get. Returns where it stopped, or -1 at a length that is none. */
  private keep(stream: Stream, bytes: Uint8Array, at: number, end: number): number {
    if (stream.kept === null) {
      stream.kept = new Uint8Array(MAX_KEPT_BYTES);
      stream.keptBytes = 0;
    }
    const { kept } = stream;
    const length = (kept[0] << 8) | kept[1];
    const knowsLength = stream.keptBytes >= LENGTH_BYTES;
    if (knowsLength && length === 0) return -1;
    const wanted = knowsLength ? Math.min(MAX_KEPT_BYTES, LENGTH_BYTES + length) : LENGTH_BYTES;
    const taken = Math.min(wanted - stream.keptBytes, end - at);
    kept.set(bytes.subarray(at, at + taken), stream.keptBytes);
    stream.keptBytes += taken;
    if (knowsLength && stream.keptBytes === wanted) this.giveKept(stream);
    return at + taken;
  }

  private giveKept(stream: Stream): void {
    const { kept, keptBytes } = stream;
    stream.kept = null;
    if (kept === null || keptBytes < LENGTH_BYTES) return;
    const length = (kept[0] << 8) | kept[1];
    stream.skip = LENGTH_BYTES + length - keptBytes;
    this.onMessage(kept, LENGTH_BYTES, keptBytes, length);
  }
}
