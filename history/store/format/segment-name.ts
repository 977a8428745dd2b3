import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a segment: the log, and three that can be made from it. */
export type SegmentFile = 'raw' | 'col' | 'dict' | 'sum';

/** A segment's name: number of its first entry, then its time in µs, so that names order and tell when. */
export interface SegmentName {
  readonly directory: string;
  readonly firstSeq: number;
  readonly firstTimeUs: number;
}

const NAME = /^(\d{16})-(\d{16})\.raw$/;

/** Path of one of a segment's files. */
export function segmentPath({ directory, firstSeq, firstTimeUs }: SegmentName, file: SegmentFile): string {
  const pad = (value: number): string => String(Math.max(0, Math.floor(value))).padStart(16, '0');
  return join(directory, `${pad(firstSeq)}-${pad(firstTimeUs)}.${file}`);
}

/** The segments of a directory, oldest first. Throws what the file system throws. */
export function listSegments(directory: string): SegmentName[] {
  return readdirSync(directory)
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map(([, seq, time]) => ({ directory, firstSeq: Number(seq), firstTimeUs: Number(time) }))
    .sort((a, b) => a.firstSeq - b.firstSeq);
}
