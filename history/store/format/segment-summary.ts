import { closeSync, openSync } from 'node:fs';
import { readAt, readPayload } from '../../log/block-log.ts';
import { ByteReader, ByteWriter } from './byte-io.ts';
import {
  decodeGroupSummary,
  encodeIndexHeader,
  type GroupSummary,
  INDEX_HEADER_BYTES,
  summaryRecords,
} from './group.ts';

/** What a sealed segment holds, in all. */
export interface SegmentTotals {
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  /** Size of its log. */
  readonly rawBytes: number;
}

/** A group, and where its record stands in `.col`. */
export interface PlacedGroup {
  readonly offset: number;
  readonly summary: GroupSummary;
}

const record = (payload: Buffer): Buffer =>
  Buffer.concat([encodeIndexHeader(summaryRecords.magic, payload, payload.length), payload]);

/** The content of a `.sum`: a record with the totals, then one with the summaries of all groups. */
export function encodeSegmentSummary(
  totals: SegmentTotals,
  groups: readonly { offset: number; summaryBytes: Uint8Array }[],
): Buffer {
  const head = new ByteWriter();
  const { firstSeq, endSeq, minTimeUs, maxTimeUs, rawBytes } = totals;
  for (const value of [firstSeq, endSeq, minTimeUs, maxTimeUs, rawBytes]) head.f64(value);
  const body = new ByteWriter();
  for (const { offset, summaryBytes } of groups) {
    body.f64(offset);
    body.block(summaryBytes);
  }
  return Buffer.concat([record(head.finish()), record(body.finish())]);
}

/** Runs `read` on a file, or returns null where there is none. Throws what else the file system throws. */
function withFile<T>(path: string, read: (file: number) => T): T | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    return read(file);
  } finally {
    closeSync(file);
  }
}

function readRecord(file: number, pos: number): Buffer | null {
  const header = summaryRecords.decode(readAt(file, pos, INDEX_HEADER_BYTES), 0);
  return header === null ? null : readPayload(file, pos, header, summaryRecords);
}

/** The totals of a `.sum`, or null when there is none that can be read: the segment is being written, was not closed, or its index is damaged or of another version. */
export function readSegmentTotals(path: string): SegmentTotals | null {
  return withFile(path, (file) => {
    const payload = readRecord(file, 0);
    if (payload === null) return null;
    const from = new ByteReader(payload);
    const [firstSeq, endSeq, minTimeUs, maxTimeUs, rawBytes] = Array.from({ length: 5 }, () => from.f64());
    return { firstSeq, endSeq, minTimeUs, maxTimeUs, rawBytes };
  });
}

/** The groups of a `.sum`, or null when they cannot be read. */
export function readPlacedGroups(path: string): PlacedGroup[] | null {
  return withFile(path, (file) => {
    const head = readRecord(file, 0);
    const body = head === null ? null : readRecord(file, INDEX_HEADER_BYTES + head.length);
    if (body === null) return null;
    const groups: PlacedGroup[] = [];
    const from = new ByteReader(body);
    while (!from.isAtEnd) groups.push({ offset: from.f64(), summary: decodeGroupSummary(from.block()) });
    return groups;
  });
}
