import { listSegments, segmentPath } from '../format/segment-name.ts';
import { SegmentReader } from './segment-reader.ts';

/** Segments whose index and dictionary are kept in memory between queries. */
const MAX_KEPT = 8;
/** Decompressed blocks kept: a query often comes back to the ones that another has just read. */
const MAX_BLOCK_BYTES = 16 * 1024 * 1024;

/** Something that is missing from a store or cannot be read, and how many entries that costs. */
export interface StoreDamage {
  /** File and position. */
  readonly where: string;
  readonly events: number;
  /** Whether it was counted when it happened: flows that the store did not get. */
  readonly isCounted?: boolean;
}

/**
 * A store's directory, read only: beside its writer in this process or another, and beside any number of other readers. Nobody waits for anybody; what the writer deletes meanwhile
 * is not found any more.
 */
export class StoreReader {
  private readonly directory: string;
  private segments: SegmentReader[] = [];
  private readonly kept: SegmentReader[] = [];
  private readonly blocks = new Map<string, Buffer>();
  private blockBytes = 0;
  /** Segments whose index is damaged, by their first number. */
  readonly damagedIndexes = new Set<number>();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The segments that are there now, oldest first. Throws what the file system throws, but for a directory that is not made yet. */
  list(): readonly SegmentReader[] {
    let names;
    try {
      names = listSegments(this.directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      names = [] as ReturnType<typeof listSegments>;
    }
    const known = new Map(this.segments.map((segment) => [segment.name.firstSeq, segment]));
    this.segments = names.map((name) => {
      const segment = known.get(name.firstSeq);
      return segment === undefined || segment.isIndexDamaged ? new SegmentReader(name) : segment;
    });
    return this.segments;
  }

  /** Runs `read` with a segment's files open. Does nothing for one that is gone. */
  *visit<T>(segment: SegmentReader, read: () => Generator<T, void>): Generator<T, void> {
    if (!segment.enter()) return;
    this.keep(segment);
    try {
      yield* read();
    } finally {
      segment.leave();
      if (segment.isIndexDamaged) this.damagedIndexes.add(segment.name.firstSeq);
    }
  }

  /** The frames of a block, or null when it is damaged. */
  frames(segment: SegmentReader, offset: number): Buffer | null {
    const key = `${segment.name.firstSeq} ${offset}`;
    const known = this.blocks.get(key);
    if (known !== undefined) return known;
    const frames = segment.frames(offset);
    if (frames === null) return null;
    this.blocks.set(key, frames);
    this.blockBytes += frames.length;
    for (const [oldest, { length }] of this.blocks) {
      if (this.blockBytes <= MAX_BLOCK_BYTES || oldest === key) break;
      this.blocks.delete(oldest);
      this.blockBytes -= length;
    }
    return frames;
  }

  /** How damage at an offset of a segment is told. */
  where(segment: SegmentReader, offset: number): string {
    return `${segmentPath(segment.name, 'raw')} at byte ${offset}`;
  }

  private keep(segment: SegmentReader): void {
    const at = this.kept.indexOf(segment);
    if (at >= 0) this.kept.splice(at, 1);
    this.kept.push(segment);
    while (this.kept.length > MAX_KEPT) this.kept.shift()!.forget();
  }
}
