import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';

/** Two minutes of the lab's flows, as the relay above its clusters sent them: 3,000 flows and two notices of nodes' states, each as a frame. */
export function labFlows(): Buffer[] {
  const bytes = zstdDecompressSync(readFileSync(join(import.meta.dirname, '../../testdata/lab-flows.zst')));
  const frames: Buffer[] = [];
  for (let pos = 0; pos < bytes.length;) {
    const end = pos + FRAME_PREFIX_BYTES + bytes.readUInt32BE(pos + 1);
    frames.push(bytes.subarray(pos, end));
    pos = end;
  }
  return frames;
}
