import { closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { walkBlocks } from '../../log/block-log.ts';
import { flowBlocks } from '../format/block.ts';
import { type SegmentName, segmentPath } from '../format/segment-name.ts';

/** So much of the end of a log is checked when it is opened: more than a second's worth, which is what a power failure may have taken. */
const VERIFY_BYTES = 8 * 1024 * 1024;

/** What was found in a log that somebody stopped writing, in whatever way. */
export interface RecoveredSegment {
  readonly rawBytes: number;
  readonly endSeq: number;
  readonly maxTimeUs: number;
  /** Bytes of a block that was not written whole: cut off. */
  readonly tornBytes: number;
}

/** Walks over the headers of a segment's log, checks its end, and cuts off what was not written whole. Throws what the file system throws. */
export function recoverSegment(name: SegmentName): RecoveredSegment {
  const file = openSync(segmentPath(name, 'raw'), 'r+');
  try {
    const { size } = fstatSync(file);
    let endSeq = name.firstSeq;
    let maxTimeUs = Number.NEGATIVE_INFINITY;
    const range = { from: 0, size, verifyFrom: Math.max(0, size - VERIFY_BYTES) };
    const { goodEnd } = walkBlocks(file, range, flowBlocks, (header) => {
      endSeq = header.firstSeq + header.entries;
      maxTimeUs = Math.max(maxTimeUs, header.maxTimeUs);
    });
    if (goodEnd < size) ftruncateSync(file, goodEnd);
    return { rawBytes: goodEnd, endSeq, maxTimeUs, tornBytes: size - goodEnd };
  } finally {
    closeSync(file);
  }
}
