import { crc32 } from 'node:zlib';
import { compress, decompress } from './block.ts';

/**
 * The columns of a group, in the order in which they stand on disk. `source`, `destination`, `sourceIp`, `destinationIp`, `node` and `class` hold numbers of dictionary
 * entries, 0 meaning that the flow itself has to be asked; `length` is that of the frame.
 */
export const columnNames = [
  'time',
  'class',
  'source',
  'destination',
  'sourceIp',
  'destinationIp',
  'node',
  'sourcePort',
  'destinationPort',
  'length',
] as const;
export type ColumnName = (typeof columnNames)[number];

/** Values of a column, one for each row. Times are µs from the earliest of the group. */
export type ColumnValues = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** A column as it is found in its group: `width` bytes a value, at `offset` behind the group's summary. */
export interface ColumnPlace {
  readonly width: number;
  readonly isCompressed: boolean;
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number;
}

/** Values in the narrowest type that holds them. */
export function narrowed(values: ArrayLike<number>, count: number): ColumnValues {
  let max = 0;
  for (let i = 0; i < count; i++) if (values[i] > max) max = values[i];
  const Type =
    max < 2 ** 8 ? Uint8Array : max < 2 ** 16 ? Uint16Array : max < 2 ** 32 ? Uint32Array : Float64Array;
  const narrow = new Type(count);
  for (let i = 0; i < count; i++) narrow[i] = values[i];
  return narrow;
}

/** A column's bytes, compressed where that is worth it, and where they stand when they begin at `offset`. */
export function encodeColumn(
  values: ColumnValues,
  offset: number,
): { bytes: Uint8Array; place: ColumnPlace } {
  const plain = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const packed = compress(plain);
  const isCompressed = packed.length < plain.length;
  const bytes = isCompressed ? packed : plain;
  const place = {
    width: values.BYTES_PER_ELEMENT,
    isCompressed,
    offset,
    bytes: bytes.length,
    crc: crc32(bytes),
  };
  return { bytes, place };
}

/** The values of a column of `rows` rows, or null when its bytes are damaged. */
export function decodeColumn(bytes: Buffer, place: ColumnPlace, rows: number): ColumnValues | null {
  const plainBytes = rows * place.width;
  if (bytes.length !== place.bytes || crc32(bytes) !== place.crc) return null;
  const plain = place.isCompressed ? decompress(bytes, plainBytes) : bytes;
  if (plain === null || plain.length !== plainBytes) return null;
  // Typed arrays want their memory aligned.
  const aligned = plain.byteOffset % 8 === 0 ? plain : new Uint8Array(plain);
  const { buffer, byteOffset } = aligned;
  switch (place.width) {
    case 1:
      return new Uint8Array(buffer, byteOffset, rows);
    case 2:
      return new Uint16Array(buffer, byteOffset, rows);
    case 4:
      return new Uint32Array(buffer, byteOffset, rows);
    case 8:
      return new Float64Array(buffer, byteOffset, rows);
    default:
      return null;
  }
}
