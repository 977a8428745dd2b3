import { crc32 } from 'node:zlib';
import { type BlockFormat, findHeader } from '../../history/log/block-log.ts';

export { crcOf } from '../../history/log/block-log.ts';

/**
 * A record of the spool: a run of frames as they came, behind a header (little-endian):
 *
 *      0 u32 "SLRC"            24 f64 earliest time of a frame, µs since 1970
 *      4 u32 payload bytes     32 f64 latest time
 *      8 u32 frames            40 u32 CRC-32 of the payload
 *     12 u32 0                 44 u32 CRC-32 of the header before it
 *     16 f64 number of the first frame, counted since the spool was made
 *
 * The header has a checksum of its own so that a record whose payload is damaged can be stepped over, and its frames be counted; the number tells how many frames were lost
 * where even that fails.
 */
export const RECORD_HEADER_BYTES = 48;
const MAGIC = 0x43524c53;

/** Longest payload of a record. A longer one that is announced is damage. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

export interface RecordHeader {
  readonly payloadBytes: number;
  readonly count: number;
  /** Number of the first frame. */
  readonly first: number;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  readonly payloadCrc: number;
}

/** A header as it stands on disk. */
export function encodeRecordHeader(header: RecordHeader): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(header.payloadBytes, 4);
  bytes.writeUInt32LE(header.count, 8);
  bytes.writeUInt32LE(0, 12);
  bytes.writeDoubleLE(header.first, 16);
  bytes.writeDoubleLE(header.minTimeUs, 24);
  bytes.writeDoubleLE(header.maxTimeUs, 32);
  bytes.writeUInt32LE(header.payloadCrc, 40);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 44)), 44);
  return bytes;
}

/** The header at `bytes[pos]`, or null when there is none: damaged, cut off, or something else. */
export function decodeRecordHeader(bytes: Buffer, pos: number): RecordHeader | null {
  if (bytes.length - pos < RECORD_HEADER_BYTES || bytes.readUInt32LE(pos) !== MAGIC) return null;
  if (crc32(bytes.subarray(pos, pos + 44)) !== bytes.readUInt32LE(pos + 44)) return null;
  const payloadBytes = bytes.readUInt32LE(pos + 4);
  if (payloadBytes > MAX_RECORD_BYTES) return null;
  return {
    payloadBytes,
    count: bytes.readUInt32LE(pos + 8),
    first: bytes.readDoubleLE(pos + 16),
    minTimeUs: bytes.readDoubleLE(pos + 24),
    maxTimeUs: bytes.readDoubleLE(pos + 32),
    payloadCrc: bytes.readUInt32LE(pos + 40),
  };
}

/** How records are told from what else may stand in a segment. */
export const spoolRecords: BlockFormat<RecordHeader> = {
  magic: Buffer.from('SLRC'),
  headerBytes: RECORD_HEADER_BYTES,
  decode: decodeRecordHeader,
};

/** Where the next readable header stands at or behind `pos`, -1 for nowhere. */
export function findRecordHeader(bytes: Buffer, pos: number): number {
  return findHeader(bytes, pos, spoolRecords);
}
