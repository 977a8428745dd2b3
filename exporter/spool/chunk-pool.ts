/** Bytes read ahead at once: two records of the usual size. */
export const CHUNK_BYTES = 1024 * 1024;
/** Chunks that are kept to be used again. */
const MAX_FREE = 4;

/** Bytes of a segment that were read ahead. */
export interface Chunk {
  readonly bytes: Buffer;
  /** Where they begin in the segment. */
  readonly start: number;
  /** What goes back to the pool. */
  readonly memory: Buffer;
  /** Who still looks at it: the reader, and records that are not acknowledged. */
  users: number;
}

/** Memory for chunks, used again and again: the kernel has to clear fresh memory, which costs several times the reading. */
export class ChunkPool {
  private readonly free: Buffer[] = [];

  /** Memory of at least so many bytes. What was in it stays. */
  take(bytes: number): Buffer {
    if (bytes > CHUNK_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return this.free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** To be called once for each user; the last one gives the memory back. */
  release(chunk: Chunk): void {
    chunk.users--;
    if (chunk.users > 0 || chunk.memory.length !== CHUNK_BYTES || this.free.length >= MAX_FREE) return;
    this.free.push(chunk.memory);
  }
}
