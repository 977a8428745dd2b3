import { compressionsAlgorithms, crc32c } from '@platformatic/kafka';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { KafkaConfig } from '../../config/config.ts';
import type { KafkaRecords } from './records.ts';
import { varintBytes, writeVarint } from './varint.ts';

/**
 * Records as a broker stores them, in batches of version 2 (kafka.apache.org, Message Format): a header, big-endian,
 *
 *      0 i64 base offset, 0             27 i64 time of the first record, ms     57 i32 records
 *      8 i32 bytes from here on         35 i64 time of the latest               61 the records, compressed
 *     12 i32 leader's epoch, -1         43 i64 producer's id
 *     16 i8  magic, 2                   51 i16 its epoch
 *     17 u32 CRC-32C of what follows    53 i32 number of the first record
 *     21 i16 attributes: codec
 *     23 i32 offset of the last record
 *
 * and records: length, attributes (0), time and offset since the batch's, key, value, headers, all lengths as zigzag varints.
 */
const HEADER_BYTES = 61;
const CRC_FROM = 21;

/** The records of one partition, ready but for what the producer stamps on them. */
export interface RecordBatch {
  readonly partition: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/** Who produces, as the cluster knows it. */
export interface ProducerIdentity {
  readonly id: bigint;
  readonly epoch: number;
}

type Compression = KafkaConfig['compression'];

const codecs: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, lz4: 3, zstd: 4 };
const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

function compress(bytes: Buffer, compression: Compression): Buffer {
  if (compression === 'zstd') return zstdCompressSync(bytes, zstdOptions);
  if (compression === 'gzip') return gzipSync(bytes);
  return compression === 'lz4' ? compressionsAlgorithms.lz4.compressSync(bytes) : bytes;
}

/** Makes batches of records. Memory for what is not compressed yet is used again and again: fresh memory costs more than the copying. */
export class BatchEncoder {
  private readonly compression: Compression;
  private scratch = Buffer.alloc(0);
  private turn = 0;

  constructor(compression: Compression) {
    this.compression = compression;
  }

  /** One batch for each partition that gets something, the records in their order. */
  encode(records: KafkaRecords, partitions: number, nowMs: number): RecordBatch[] {
    const batches: RecordBatch[] = [];
    for (const [partition, members] of this.distribute(records, partitions)) {
      this.reserve(records, members);
      let pos = HEADER_BYTES;
      for (let delta = 0; delta < members.length; delta++) {
        pos = this.writeRecord(records, members[delta], delta, pos);
      }
      batches.push(this.finish(partition, members.length, pos, nowMs));
    }
    return batches;
  }

  /** The places of the records of each partition. */
  private distribute({ keys }: KafkaRecords, partitions: number): Map<number, number[]> {
    const members = new Map<number, number[]>();
    for (let i = 0; i < keys.length; i++) {
      const partition = (keys[i]?.hash ?? this.nextTurn()) % partitions;
      const list = members.get(partition);
      if (list === undefined) members.set(partition, [i]);
      else list.push(i);
    }
    return members;
  }

  private nextTurn(): number {
    this.turn = (this.turn + 1) & 0x7fffffff;
    return this.turn;
  }

  private reserve({ starts, ends, keys, headers }: KafkaRecords, members: readonly number[]): void {
    let bytes = HEADER_BYTES;
    for (const i of members) {
      // Four lengths and two numbers of five bytes each at most.
      bytes += ends[i] - starts[i] + (keys[i]?.bytes.length ?? 0) + headers[i].bytes.length + 32;
    }
    if (bytes > this.scratch.length) this.scratch = Buffer.allocUnsafeSlow(bytes + (bytes >> 1));
  }

  private writeRecord(records: KafkaRecords, i: number, delta: number, from: number): number {
    const { scratch } = this;
    const key = records.keys[i]?.bytes;
    const headers = records.headers[i].bytes;
    const start = records.starts[i];
    const valueBytes = records.ends[i] - start;
    const keyPart = key === undefined ? 1 : varintBytes(key.length) + key.length;
    const valuePart = varintBytes(valueBytes) + valueBytes;
    let pos = writeVarint(scratch, from, 2 + varintBytes(delta) + keyPart + valuePart + headers.length);
    scratch[pos++] = 0; // attributes
    scratch[pos++] = 0; // all of the batch's time
    pos = writeVarint(scratch, pos, delta);
    if (key === undefined) scratch[pos++] = 1; // -1
    else {
      pos = writeVarint(scratch, pos, key.length);
      scratch.set(key, pos);
      pos += key.length;
    }
    pos = writeVarint(scratch, pos, valueBytes);
    pos += records.bytes.copy(scratch, pos, start, start + valueBytes);
    scratch.set(headers, pos);
    return pos + headers.length;
  }

  private finish(partition: number, count: number, end: number, nowMs: number): RecordBatch {
    const payload = compress(this.scratch.subarray(HEADER_BYTES, end), this.compression);
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
    bytes.fill(0, 0, HEADER_BYTES);
    bytes.set(payload, HEADER_BYTES);
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt32BE(-1, 12);
    bytes[16] = 2;
    bytes.writeInt16BE(codecs[this.compression], 21);
    bytes.writeInt32BE(count - 1, 23);
    bytes.writeBigInt64BE(BigInt(nowMs), 27);
    bytes.writeBigInt64BE(BigInt(nowMs), 35);
    bytes.writeInt32BE(count, 57);
    return { partition, count, bytes };
  }
}

/** Says who produced a batch, and the number of its first record: by both the broker tells what it has already. */
export function stampBatch({ bytes }: RecordBatch, { id, epoch }: ProducerIdentity, sequence: number): void {
  bytes.writeBigInt64BE(id, 43);
  bytes.writeInt16BE(epoch, 51);
  bytes.writeInt32BE(sequence, 53);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_FROM)) >>> 0, 17);
}
