import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  crcOf,
  decodeRecordHeader,
  findRecordHeader,
  RECORD_HEADER_BYTES,
  type RecordHeader,
} from './record.ts';

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
  tornBytes: number;
  /** Bytes inside that are no records: stepped over by readers, who count the frames. */
  damagedBytes: number;
}

/**
 * Fills in a segment from its file by walking over the headers. Of the last segment every payload is checked, too, and a torn tail is cut off: what is left is where writing
 * goes on.
 */
function openSegment(segment: Segment, isLast: boolean): SegmentFaults {
  const file = openSync(segment.path, isLast ? 'r+' : 'r');
  try {
    const size = fstatSync(file).size;
    const faults: SegmentFaults = { tornBytes: 0, damagedBytes: 0 };
    let pos = 0;
    let goodEnd = 0;
    while (pos < size) {
      const header = readHeader(file, pos);
      const recordEnd = header === null ? 0 : pos + RECORD_HEADER_BYTES + header.payloadBytes;
      const isGood = header !== null && recordEnd <= size && (!isLast || isPayloadGood(file, pos, header));
      if (isGood) {
        faults.damagedBytes += pos - goodEnd;
        segment.end = header.first + header.count;
        segment.maxTimeUs = Math.max(segment.maxTimeUs, header.maxTimeUs);
        goodEnd = recordEnd;
        pos = recordEnd;
      } else {
        pos = findFrom(file, pos + 1, size);
      }
    }
    if (isLast && goodEnd < size) {
      faults.tornBytes = size - goodEnd;
      ftruncateSync(file, goodEnd);
      segment.bytes = goodEnd;
    } else {
      faults.damagedBytes += size - goodEnd;
      segment.bytes = size;
    }
    return faults;
  } finally {
    closeSync(file);
  }
}

function readAt(file: number, pos: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const read = readSync(file, buffer, filled, bytes - filled, pos + filled);
    if (read === 0) break;
    filled += read;
  }
  return buffer.subarray(0, filled);
}

function readHeader(file: number, pos: number): RecordHeader | null {
  return decodeRecordHeader(readAt(file, pos, RECORD_HEADER_BYTES), 0);
}

function isPayloadGood(file: number, pos: number, header: RecordHeader): boolean {
  const payload = readAt(file, pos + RECORD_HEADER_BYTES, header.payloadBytes);
  return payload.length === header.payloadBytes && crcOf([payload]) === header.payloadCrc;
}

const SEARCH_BYTES = 1024 * 1024;

/** Where the next readable header stands at or behind `pos`; `size` when nowhere. */
function findFrom(file: number, pos: number, size: number): number {
  for (let at = pos; at < size; at += SEARCH_BYTES) {
    // A header may begin in this piece and end in the next.
    const found = findRecordHeader(
      readAt(file, at, Math.min(SEARCH_BYTES + RECORD_HEADER_BYTES, size - at)),
      0,
    );
    if (found >= 0) return at + found;
  }
  return size;
}
