import type { FullPolicy } from '../config/config.ts';
import type { SpoolLog } from './segment.ts';

export interface SpoolOptions {
  readonly directory: string;
  /** Bytes of all segments together. */
  readonly maxBytes: number;
  readonly whenFull: FullPolicy;
  /** Longest wait for fsync in ms; 0 = before an append counts as done. */
  readonly syncMs: number;
  /** Records younger than this before the newest are kept although every sink has them: what is needed to tell flows that come again from new ones. */
  readonly retainUs: number;
  readonly log: SpoolLog;
}

/** What of the options may change at work. */
export type SpoolBounds = Pick<SpoolOptions, 'maxBytes' | 'whenFull' | 'syncMs' | 'retainUs'>;

/** Frames to be written as one record. */
export interface SpoolBatch {
  /** Whole frames, back to back; at most MAX_RECORD_BYTES together. */
  readonly pieces: readonly Uint8Array[];
  readonly count: number;
  /** Range of the frames' times in µs. */
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
}

const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;
const SEGMENTS = 8;

/** Size of a segment: an eighth of the spool at most, for that much is given up at once when it is full. */
export function segmentBytesOf({ maxBytes }: Pick<SpoolOptions, 'maxBytes'>): number {
  return Math.min(MAX_SEGMENT_BYTES, Math.floor(maxBytes / SEGMENTS));
}
