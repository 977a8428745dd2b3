import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { walkBlocks } from '../../history/log/block-log.ts';
import { spoolRecords } from './record.ts';

/** A file of the spool, named by the number of its first frame, so that names order and survive its neighbours. */
export interface Segment {
  readonly path: string;
  /** Number of the first frame. */
  readonly first: number;
  /** Number behind the last frame. */
  end: number;
  bytes: number;
  /** Latest time of a frame in µs; -Infinity when there is none. */
  maxTimeUs: number;
}

const NAME = /^(\d{16})\.segment$/;

/** A segment that is to be written: its file is not made yet. */
export function newSegment(directory: string, first: number): Segment {
  const path = join(directory, `${String(first).padStart(16, '0')}.segment`);
  return { path, first, end: first, bytes: 0, maxTimeUs: Number.NEGATIVE_INFINITY };
}

/** Takes what is worth telling an operator. */
export type SpoolLog = (
  level: 'info' | 'warn',
  message: string,
  fields: Record<string, string | number>,
) => void;

/** The segments of a directory in order, at least one; the last is where writing goes on. Damage is told. Throws what the file system throws. */
export function openSegments(directory: string, log: SpoolLog): Segment[] {
  const segments = readdirSync(directory)
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map(([, first]) => newSegment(directory, Number(first)))
    .sort((a, b) => a.first - b.first);
  for (const [i, segment] of segments.entries()) {
    const { tornBytes, damagedBytes } = openSegment(segment, i === segments.length - 1);
    const { path } = segment;
    if (tornBytes > 0) log('info', 'cut off a record that was not written whole', { path, bytes: tornBytes });
    if (damagedBytes > 0) log('warn', 'damage in the spool', { path, bytes: damagedBytes });
    if (i > 0) segments[i - 1].end = segment.first;
  }
  return segments.length > 0 ? segments : [newSegment(directory, 0)];
}

/** What opening a segment found beside its records. */
interface SegmentFaults {
  /** Bytes of a record that was not written whole: cut off. */
  readonly tornBytes: number;
  /** Bytes inside that are no records: stepped over by readers, who count the frames. */
  readonly damagedBytes: number;
}

/**
 * Fills in a segment from its file by walking over the headers. Of the last segment every payload is checked, too, and a torn tail is cut off: what is left is where writing
 * goes on.
 */
function openSegment(segment: Segment, isLast: boolean): SegmentFaults {
  const file = openSync(segment.path, isLast ? 'r+' : 'r');
  try {
    const { size } = fstatSync(file);
    const range = { from: 0, size, verifyFrom: isLast ? 0 : size };
    const { goodEnd, damagedBytes } = walkBlocks(file, range, spoolRecords, (header) => {
      segment.end = header.first + header.count;
      segment.maxTimeUs = Math.max(segment.maxTimeUs, header.maxTimeUs);
    });
    if (isLast && goodEnd < size) ftruncateSync(file, goodEnd);
    segment.bytes = isLast ? goodEnd : size;
    return isLast
      ? { tornBytes: size - goodEnd, damagedBytes }
      : { tornBytes: 0, damagedBytes: damagedBytes + size - goodEnd };
  } finally {
    closeSync(file);
  }
}
