import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { BlockFormat, BlockHeader } from '../../log/block-log.ts';

/**
 * A block of the log: a run of frames of a GetFlows stream as they came, compressed with zstd, behind a header (little-endian):
 *
 *      0 u32 "SLHB"             24 f64 number of the first entry, counted since the store was made
 *      4 u16 version, 1         32 f64 earliest time of an entry, µs since 1970
 *      6 u16 0                  40 f64 latest time
 *      8 u32 payload bytes      48 u32 flows among the entries
 *     12 u32 bytes of frames    52 u32 0
 *     16 u32 entries            56 u32 CRC-32 of the payload
 *     20 u32 0                  60 u32 CRC-32 of the header before it
 */
export const BLOCK_HEADER_BYTES = 64;
const VERSION = 1;

/** Bytes of frames that a block is closed at. */
export const BLOCK_BYTES = 1024 * 1024;
/** Entries that a block has at most, so that the rows of a group have a bound. */
export const MAX_BLOCK_ENTRIES = 16_384;
/** A frame may be as large as a message may be, and has a block of its own then. More is damage. */
export const MAX_FRAMES_BYTES = 16 * 1024 * 1024;

export interface FlowBlockHeader extends BlockHeader {
  /** Bytes of the frames before compression. */
  readonly frameBytes: number;
  readonly entries: number;
  /** Entries that are flows, and no notices of loss. */
  readonly flows: number;
  readonly firstSeq: number;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
}

const magic = Buffer.from('SLHB');
const zstdLevel1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Compresses as all parts of the store are. */
export function compress(bytes: Uint8Array): Buffer {
  return zstdCompressSync(bytes, zstdLevel1);
}

/** The opposite; null for what is damaged or does not have the expected size. */
export function decompress(bytes: Uint8Array, expectedBytes: number): Buffer | null {
  try {
    const plain = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, expectedBytes) });
    return plain.length === expectedBytes ? plain : null;
  } catch {
    return null; // told by who asked, with the place
  }
}

/** A header as it stands on disk. */
export function encodeBlockHeader(header: FlowBlockHeader): Buffer {
  const bytes = Buffer.alloc(BLOCK_HEADER_BYTES);
  magic.copy(bytes);
  bytes.writeUInt16LE(VERSION, 4);
  bytes.writeUInt32LE(header.payloadBytes, 8);
  bytes.writeUInt32LE(header.frameBytes, 12);
  bytes.writeUInt32LE(header.entries, 16);
  bytes.writeDoubleLE(header.firstSeq, 24);
  bytes.writeDoubleLE(header.minTimeUs, 32);
  bytes.writeDoubleLE(header.maxTimeUs, 40);
  bytes.writeUInt32LE(header.flows, 48);
  bytes.writeUInt32LE(header.payloadCrc, 56);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** How blocks of a `.raw` file are told. */
export const flowBlocks: BlockFormat<FlowBlockHeader> = {
  magic,
  headerBytes: BLOCK_HEADER_BYTES,
  decode: (bytes, pos) => {
    if (bytes.length - pos < BLOCK_HEADER_BYTES || bytes.compare(magic, 0, 4, pos, pos + 4) !== 0)
      return null;
    if (crc32(bytes.subarray(pos, pos + 60)) !== bytes.readUInt32LE(pos + 60)) return null;
    const payloadBytes = bytes.readUInt32LE(pos + 8);
    const frameBytes = bytes.readUInt32LE(pos + 12);
    if (bytes.readUInt16LE(pos + 4) !== VERSION || frameBytes > MAX_FRAMES_BYTES) return null;
    if (payloadBytes > 2 * MAX_FRAMES_BYTES) return null;
    return {
      payloadBytes,
      frameBytes,
      entries: bytes.readUInt32LE(pos + 16),
      firstSeq: bytes.readDoubleLE(pos + 24),
      minTimeUs: bytes.readDoubleLE(pos + 32),
      maxTimeUs: bytes.readDoubleLE(pos + 40),
      flows: bytes.readUInt32LE(pos + 48),
      payloadCrc: bytes.readUInt32LE(pos + 56),
    };
  },
};
