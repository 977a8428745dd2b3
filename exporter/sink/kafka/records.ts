import { murmur2 } from './murmur2.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** The key of records, which share it. */
export interface KafkaKey {
  readonly bytes: Buffer;
  /** Decides on the partition: the remainder by their number, as with Kafka's own client. */
  readonly hash: number;
}

/** The headers of records, which share them. */
export interface KafkaHeaders {
  readonly fields: Readonly<Record<string, string>>;
  /** As they stand at the end of a record: their number, then names and values with their lengths. */
  readonly bytes: Buffer;
}

/** Records to be written: the value of record i is `bytes[starts[i], ends[i])`. */
export interface KafkaRecords {
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Null: partitions take turns. */
  readonly keys: readonly (KafkaKey | null)[];
  readonly headers: readonly KafkaHeaders[];
}

export function keyOf(text: string): KafkaKey {
  const bytes = Buffer.from(text);
  return { bytes, hash: murmur2(bytes) & 0x7fffffff };
}

export function headersOf(fields: Readonly<Record<string, string>>): KafkaHeaders {
  const texts = Object.entries(fields).map((pair) => pair.map((text) => Buffer.from(text)));
  const length = texts.flat().reduce((sum, text) => sum + varintBytes(text.length) + text.length, 0);
  const bytes = Buffer.alloc(varintBytes(texts.length) + length);
  let pos = writeVarint(bytes, 0, texts.length);
  for (const text of texts.flat()) {
    pos = writeVarint(bytes, pos, text.length);
    pos += text.copy(bytes, pos);
  }
  return { fields, bytes };
}

/** A part of the records. */
export function sliceRecords(records: KafkaRecords, from: number, to: number): KafkaRecords {
  const { bytes, starts, ends, keys, headers } = records;
  return {
    bytes,
    starts: starts.subarray(from, to),
    ends: ends.subarray(from, to),
    keys: keys.slice(from, to),
    headers: headers.slice(from, to),
  };
}
