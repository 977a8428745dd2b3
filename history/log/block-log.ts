import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** What the walk over a log has to know of a block. */
export interface BlockHeader {
  /** Bytes that follow the header. */
  readonly payloadBytes: number;
  /** CRC-32 of those. */
  readonly payloadCrc: number;
}

/** How the blocks of a log are told: each has a header of fixed size with a checksum of its own, so that one with a damaged payload can be stepped over. */
export interface BlockFormat<H extends BlockHeader> {
  /** First bytes of a header. */
  readonly magic: Buffer;
  readonly headerBytes: number;
  /** The header at `bytes[pos]`, or null when there is none: damaged, cut off, or something else. */
  decode(bytes: Buffer, pos: number): H | null;
}

/** What a walk found beside its blocks. */
export interface WalkResult {
  /** Where the last good block ends. */
  goodEnd: number;
  /** Bytes between good blocks that are none. What follows `goodEnd` is not among them. */
  damagedBytes: number;
}

/** Checksum over several pieces. */
export function crcOf(pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = crc32(piece, crc);
  return crc;
}

/** Up to `bytes` bytes of an open file from `pos` on; fewer at its end. */
export function readAt(file: number, pos: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  while (filled < bytes) {
    const read = readSync(file, buffer, filled, bytes - filled, pos + filled);
    if (read === 0) break;
    filled += read;
  }
  return buffer.subarray(0, filled);
}

/** Where the next readable header stands at or behind `pos` in `bytes`, -1 for nowhere. */
export function findHeader<H extends BlockHeader>(
  bytes: Buffer,
  pos: number,
  format: BlockFormat<H>,
): number {
  for (let at = bytes.indexOf(format.magic, pos); at >= 0; at = bytes.indexOf(format.magic, at + 1)) {
    if (format.decode(bytes, at) !== null) return at;
  }
  return -1;
}

/** The payload of the block at `pos`, or null when it is cut off or fails its checksum. */
export function readPayload<H extends BlockHeader>(
  file: number,
  pos: number,
  header: H,
  format: BlockFormat<H>,
): Buffer | null {
  const payload = readAt(file, pos + format.headerBytes, header.payloadBytes);
  const isGood = payload.length === header.payloadBytes && crc32(payload) === header.payloadCrc;
  return isGood ? payload : null;
}

/**
 * Walks over the blocks of a log from `from` to `size`, hopping from header to header, and tells of each good one.
 * @param verifyFrom payloads of blocks from here on are checked, too; those before are taken for good
 */
export function walkBlocks<H extends BlockHeader>(
  file: number,
  range: { readonly from: number; readonly size: number; readonly verifyFrom: number },
  format: BlockFormat<H>,
  visit: (header: H, pos: number) => void,
): WalkResult {
  const { from, size, verifyFrom } = range;
  const result: WalkResult = { goodEnd: from, damagedBytes: 0 };
  for (let pos = from; pos < size;) {
    const header = format.decode(readAt(file, pos, format.headerBytes), 0);
    const end = header === null ? 0 : pos + format.headerBytes + header.payloadBytes;
    const isGood =
      header !== null && end <= size && (pos < verifyFrom || readPayload(file, pos, header, format) !== null);
    if (!isGood) {
      pos = findBlock(file, pos + 1, size, format);
      continue;
    }
    result.damagedBytes += pos - result.goodEnd;
    visit(header, pos);
    result.goodEnd = end;
    pos = end;
  }
  return result;
}

const SEARCH_BYTES = 1024 * 1024;

/** Where the next readable header stands at or behind `pos` in a file; `size` when nowhere. */
function findBlock<H extends BlockHeader>(
  file: number,
  pos: number,
  size: number,
  format: BlockFormat<H>,
): number {
  for (let at = pos; at < size; at += SEARCH_BYTES) {
    // A header may begin in this piece and end in the next.
    const piece = readAt(file, at, Math.min(SEARCH_BYTES + format.headerBytes, size - at));
    const found = findHeader(piece, 0, format);
    if (found >= 0) return at + found;
  }
  return size;
}
