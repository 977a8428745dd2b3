import { frameMessage } from '../../../proto/flow/frame.ts';
import type { SpoolBatch, SpoolOptions } from '../../../exporter/spool/spool-options.ts';
import type { SpoolReader } from '../../../exporter/spool/spool-reader.ts';
import { scratchDirectory } from './scratch-directory.ts';

export const never = new AbortController().signal;

/** Options for a spool in a directory of its own. */
export function spoolOptions(change: Partial<SpoolOptions> = {}): SpoolOptions {
  return {
    directory: scratchDirectory(),
    maxBytes: 1024 * 1024,
    whenFull: 'stop',
    syncMs: 1000,
    retainUs: 0,
    log: () => {},
    ...change,
  };
}

/** A batch of frames that hold the numbers from `from` on, `bytes` long each, one µs apart. */
export function numbers(from: number, count: number, bytes = 20): SpoolBatch {
  const pieces = Array.from({ length: count }, (_, i) =>
    frameMessage(Buffer.alloc(bytes, String(from + i).padStart(8, '0'))),
  );
  return { pieces, count, minTimeUs: from, maxTimeUs: from + count - 1 };
}

/** The numbers that a reader finds until it stands at the spool's end; each record is acknowledged. */
export async function drain(reader: SpoolReader, ack = true): Promise<number[]> {
  const found: number[] = [];
  while (reader.waiting > 0) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 200);
    const record = await reader.next(stop.signal);
    clearTimeout(timer);
    if (record === null) break;
    const { bytes, offsets, count } = record.frames;
    for (let i = 0; i < count; i++) {
      found.push(Number(Buffer.from(bytes.buffer, bytes.byteOffset + offsets[i] + 5, 8).toString()));
    }
    if (ack) reader.ack(record, { delivered: count });
  }
  return found;
}

/** From `from` up to, without, `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
