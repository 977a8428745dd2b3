import { crc32 } from 'node:zlib';
import type { BlockFormat, BlockHeader } from '../../log/block-log.ts';
import { ByteReader, ByteWriter } from './byte-io.ts';
import { type ColumnName, columnNames, type ColumnPlace } from './columns.ts';
import type { IdSet } from './id-set.ts';

/** Rows that a group is closed at, with the block that reaches it. */
export const GROUP_ROWS = 32_768;

/** Where the blocks of a group stand in the log, and what each has. */
export interface BlockTable {
  readonly offsets: Float64Array;
  readonly firstSeqs: Float64Array;
  readonly entries: Uint32Array;
}

/** Columns of which a group tells which numbers occur. */
export const setNames = ['class', 'source', 'destination', 'sourceIp', 'destinationIp', 'node'] as const;
export type SetName = (typeof setNames)[number];

/** What is known of a group of rows without looking at its columns. */
export interface GroupSummary {
  readonly rows: number;
  /** Number of the first entry, and the number behind the last. */
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  /** The part of the log that the group covers. */
  readonly rawStart: number;
  readonly rawEnd: number;
  readonly blocks: BlockTable;
  readonly columns: Readonly<Record<ColumnName, ColumnPlace>>;
  /** Missing where a set would be too large. */
  readonly sets: Readonly<Partial<Record<SetName, IdSet>>>;
  /** All ports below 32,768 that occur; missing when there are too many. */
  readonly sourcePorts: Uint16Array | null;
  readonly destinationPorts: Uint16Array | null;
}

/** The columns are no truth but an index: of another version they are made anew. Also that of dictionaries and summaries. */
export const INDEX_VERSION = 1;

/**
 * A record of an index file (`.col`, `.dict`, `.sum`), little-endian; what is behind a summary in `.col`, the columns, counts as payload for walks but has checksums of its own:
 *
 *      0 u32 magic              16 u32 bytes of the summary
 *      4 u32 version            20 u32 CRC-32 of the summary
 *      8 u32 bytes behind       24 u32 0
 *     12 u32 0                  28 u32 CRC-32 of the header before it
 */
export const INDEX_HEADER_BYTES = 32;

export interface IndexHeader extends BlockHeader {
  readonly summaryBytes: number;
}

/** How records of an index file are told. */
export function indexRecords(name: 'SLHC' | 'SLHD' | 'SLHS'): BlockFormat<IndexHeader> {
  const magic = Buffer.from(name);
  return {
    magic,
    headerBytes: INDEX_HEADER_BYTES,
    decode: (bytes, pos) => {
      if (bytes.length - pos < INDEX_HEADER_BYTES || bytes.compare(magic, 0, 4, pos, pos + 4) !== 0)
        return null;
      if (crc32(bytes.subarray(pos, pos + 28)) !== bytes.readUInt32LE(pos + 28)) return null;
      if (bytes.readUInt32LE(pos + 4) !== INDEX_VERSION) return null;
      return {
        payloadBytes: bytes.readUInt32LE(pos + 8),
        summaryBytes: bytes.readUInt32LE(pos + 16),
        payloadCrc: bytes.readUInt32LE(pos + 20),
      };
    },
  };
}

export const columnGroups = indexRecords('SLHC');
export const dictionaryRecords = indexRecords('SLHD');
export const summaryRecords = indexRecords('SLHS');

/** A record's header; `bytesBehind` counts the summary and all that follows it. */
export function encodeIndexHeader(magic: Buffer, summary: Uint8Array, bytesBehind: number): Buffer {
  const bytes = Buffer.alloc(INDEX_HEADER_BYTES);
  magic.copy(bytes);
  bytes.writeUInt32LE(INDEX_VERSION, 4);
  bytes.writeUInt32LE(bytesBehind, 8);
  bytes.writeUInt32LE(summary.length, 16);
  bytes.writeUInt32LE(crc32(summary), 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

const asBytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** A summary's bytes. */
export function encodeGroupSummary(summary: GroupSummary): Buffer {
  const out = new ByteWriter();
  out.u32(summary.rows);
  const { firstSeq, endSeq, minTimeUs, maxTimeUs, rawStart, rawEnd } = summary;
  for (const value of [firstSeq, endSeq, minTimeUs, maxTimeUs, rawStart, rawEnd]) out.f64(value);
  const { offsets, firstSeqs, entries } = summary.blocks;
  for (const values of [offsets, firstSeqs, entries]) out.block(asBytes(values));
  for (const name of columnNames) {
    const { width, isCompressed, offset, bytes, crc } = summary.columns[name];
    for (const value of [width, isCompressed ? 1 : 0, offset, bytes, crc]) out.u32(value);
  }
  for (const name of setNames) out.block(summary.sets[name] ?? new Uint8Array(0));
  for (const ports of [summary.sourcePorts, summary.destinationPorts]) {
    out.u32(ports === null ? 0 : 1);
    out.block(ports === null ? new Uint8Array(0) : asBytes(ports));
  }
  return out.finish();
}

const aligned = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer;

/** Reads what `encodeGroupSummary` wrote. Throws RangeError for anything else that passes its checksum. */
export function decodeGroupSummary(bytes: Buffer): GroupSummary {
  const from = new ByteReader(bytes);
  const rows = from.u32();
  const [firstSeq, endSeq, minTimeUs, maxTimeUs, rawStart, rawEnd] = Array.from({ length: 6 }, () =>
    from.f64(),
  );
  const offsets = new Float64Array(aligned(from.block()));
  const firstSeqs = new Float64Array(aligned(from.block()));
  const entries = new Uint32Array(aligned(from.block()));
  const columns = Object.fromEntries(
    columnNames.map((name) => {
      const [width, packed, offset, size, crc] = Array.from({ length: 5 }, () => from.u32());
      return [name, { width, isCompressed: packed === 1, offset, bytes: size, crc }];
    }),
  ) as Record<ColumnName, ColumnPlace>;
  const sets: Partial<Record<SetName, IdSet>> = {};
  for (const name of setNames) {
    const set = from.block();
    if (set.length > 0) sets[name] = new Uint8Array(set);
  }
  const ports = (): Uint16Array | null => {
    const isThere = from.u32() === 1;
    const block = from.block();
    return isThere ? new Uint16Array(aligned(block)) : null;
  };
  return {
    rows,
    firstSeq,
    endSeq,
    minTimeUs,
    maxTimeUs,
    rawStart,
    rawEnd,
    blocks: { offsets, firstSeqs, entries },
    columns,
    sets,
    sourcePorts: ports(),
    destinationPorts: ports(),
  };
}
