import { open } from 'node:fs/promises';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { crcOf, decodeRecordHeader, RECORD_HEADER_BYTES } from './record.ts';
import type { Segment } from './segment.ts';

/** The frames of a payload; null when they are not as many as its header says: what passes its checksum was written so, by a fault of the writer. */
export function splitPayload(payload: Buffer, count: number): FrameRun | null {
  if (count * FRAME_PREFIX_BYTES > payload.length) return null;
  const offsets = new Uint32Array(count + 1);
  let pos = 0;
  for (let i = 0; i < count; i++) {
    if (pos + FRAME_PREFIX_BYTES > payload.length || payload[pos] !== 0) return null;
    pos += FRAME_PREFIX_BYTES + payload.readUInt32BE(pos + 1);
    offsets[i + 1] = pos;
  }
  return pos === payload.length ? { bytes: payload, count, offsets } : null;
}

/** Records of a segment that may hold frames of a time or later, up to the first whose header is damaged: what is not found here may be delivered twice, no worse. */
export async function* readRecordsSince(segment: Segment, timeUs: number): AsyncGenerator<FrameRun> {
  const file = await open(segment.path, 'r');
  try {
    const head = Buffer.alloc(RECORD_HEADER_BYTES);
    let pos = 0;
    while (pos < segment.bytes) {
      await file.read(head, 0, RECORD_HEADER_BYTES, pos);
      const header = decodeRecordHeader(head, 0);
      if (header === null) return;
      const { payloadBytes, maxTimeUs, payloadCrc, count } = header;
      if (maxTimeUs >= timeUs) {
        const payload = Buffer.allocUnsafeSlow(payloadBytes);
        await file.read(payload, 0, payloadBytes, pos + RECORD_HEADER_BYTES);
        const frames = crcOf([payload]) === payloadCrc ? splitPayload(payload, count) : null;
        if (frames !== null) yield frames;
      }
      pos += RECORD_HEADER_BYTES + payloadBytes;
    }
  } finally {
    await file.close();
  }
}
