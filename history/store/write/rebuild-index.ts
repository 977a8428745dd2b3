import { closeSync, fstatSync, openSync } from 'node:fs';
import { readPayload, walkBlocks } from '../../log/block-log.ts';
import { BLOCK_HEADER_BYTES, decompress, type FlowBlockHeader, flowBlocks } from '../format/block.ts';
import { type SegmentName, segmentPath } from '../format/segment-name.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { FrameFacts } from './frame-facts.ts';
import { IndexFiles } from './segment-writer.ts';

/**
 * Makes the index of a segment that nobody writes to from its log, in steps of one block: there is other work to do meanwhile. Blocks that are damaged have no place in it. Returns
 * the bytes of the new index, 0 when it could not be made. Throws what the file system throws.
 */
export function* rebuildIndex(name: SegmentName): Generator<void, number> {
  const file = openSync(segmentPath(name, 'raw'), 'r');
  try {
    const { size } = fstatSync(file);
    const blocks: { header: FlowBlockHeader; pos: number }[] = [];
    walkBlocks(file, { from: 0, size, verifyFrom: size }, flowBlocks, (header, pos) =>
      blocks.push({ header, pos }),
    );
    const index = new IndexFiles(name, '.tmp');
    const facts = new FrameFacts();
    const totals = { endSeq: name.firstSeq, minTimeUs: Infinity, maxTimeUs: -Infinity };
    for (const { header, pos } of blocks) {
      totals.endSeq = header.firstSeq + header.entries;
      totals.minTimeUs = Math.min(totals.minTimeUs, header.minTimeUs);
      totals.maxTimeUs = Math.max(totals.maxTimeUs, header.maxTimeUs);
      addBlock(file, header, pos, facts, index);
      yield;
    }
    return index.seal({ ...totals, firstSeq: name.firstSeq, rawBytes: size }) ? index.bytes : 0;
  } finally {
    closeSync(file);
  }
}

function addBlock(
  file: number,
  header: FlowBlockHeader,
  pos: number,
  facts: FrameFacts,
  index: IndexFiles,
): void {
  const payload = readPayload(file, pos, header, flowBlocks);
  const frames = payload === null ? null : decompress(payload, header.frameBytes);
  if (frames === null) return;
  try {
    facts.read(frames);
  } catch (error) {
    if (error instanceof WireError) return; // told by readers, as a damaged block
    throw error;
  }
  const { firstSeq } = header;
  index.add(frames, facts, { offset: pos, end: pos + BLOCK_HEADER_BYTES + header.payloadBytes, firstSeq });
}
