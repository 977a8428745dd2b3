import { WIRE_BYTES, WIRE_VARINT, WireCursor, WireError } from '../wire.ts';
import {
  ELAPSED_FIELD,
  FIRST_MEASURE_FIELD,
  KEYS_FIELD,
  MAX_MISSING_FIELD,
  OTHERS_FIELD,
  TEXTS_FIELD,
  UNFINISHED_FIELD,
} from './encode-rows.ts';
import { FLOWS, MEASURES } from './row-measures.ts';
import type { RowTable } from './row-table.ts';

/** A FlowRows message, taken apart; its texts stay where they stand. */
export interface DecodedRows {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  readonly textStarts: readonly number[];
  readonly textEnds: readonly number[];
  readonly keys: readonly number[];
  /** Row by row, as in a RowTable. */
  readonly sums: Float64Array;
  readonly others: Float64Array;
  readonly maxMissingFlows: number;
  readonly elapsedUs: number;
  readonly isUnfinished: boolean;
}

/**
 * Reads the FlowRows at `bytes[start, end)`. Throws WireError when it is no such message, or columns, keys and texts do not fit together.
 * @param keyCount keys that were asked for
 */
export function decodeRows(bytes: Uint8Array, start: number, end: number, keyCount: number): DecodedRows {
  const cursor = new WireCursor();
  cursor.reset(bytes, start, end);
  const textStarts: number[] = [];
  const textEnds: number[] = [];
  const keys: number[] = [];
  const columns: number[][] = Array.from({ length: MEASURES }, () => []);
  const others = new Float64Array(MEASURES);
  const numbers = { [MAX_MISSING_FIELD]: 0, [ELAPSED_FIELD]: 0, [UNFINISHED_FIELD]: 0 };
  while (cursor.pos < end) {
    const tag = cursor.tag();
    const field = tag >>> 3;
    const wireType = tag & 7;
    const measure = field - FIRST_MEASURE_FIELD;
    if (field === TEXTS_FIELD && wireType === WIRE_BYTES) {
      const length = cursor.length();
      textStarts.push(cursor.pos);
      textEnds.push(cursor.pos + length);
      cursor.pos += length;
    } else if (field === KEYS_FIELD) readNumbers(cursor, tag, keys);
    else if (measure >= 0 && measure < MEASURES) readNumbers(cursor, tag, columns[measure]);
    else if (field === OTHERS_FIELD && wireType === WIRE_BYTES) readOthers(cursor, others);
    else if (wireType === WIRE_VARINT && field in numbers)
      numbers[field as keyof typeof numbers] = cursor.varint();
    else cursor.skip(tag);
  }
  const rowCount = columns[FLOWS].length;
  checkShape(rowCount, keyCount, keys, columns, textStarts.length);
  return {
    bytes,
    rowCount,
    textStarts,
    textEnds,
    keys,
    sums: rowByRow(columns, rowCount),
    others,
    maxMissingFlows: numbers[MAX_MISSING_FIELD],
    elapsedUs: numbers[ELAPSED_FIELD],
    isUnfinished: numbers[UNFINISHED_FIELD] !== 0,
  };
}

/** Adds rows to those of a table. */
export function addRows(table: RowTable, rows: DecodedRows): void {
  const { bytes, rowCount, textStarts, textEnds, keys, sums, others, maxMissingFlows } = rows;
  const { keyCount, texts } = table;
  const ids = new Int32Array(textStarts.length).fill(-1);
  let generation = -1;
  for (let row = 0; row < rowCount; row++) {
    table.makeRoom();
    if (texts.generation !== generation) ids.fill(-1);
    generation = texts.generation;
    for (let i = 0; i < keyCount; i++) {
      const place = keys[row * keyCount + i];
      if (ids[place] < 0) ids[place] = texts.intern(bytes, textStarts[place], textEnds[place]);
      table.key[i] = ids[place];
    }
    table.addMeasures(sums, row * MEASURES);
  }
  table.addOthers(others, maxMissingFlows);
}

/** The numbers of a repeated field: packed, as everybody writes them, or one by one. */
function readNumbers(cursor: WireCursor, tag: number, into: number[]): void {
  const wireType = tag & 7;
  if (wireType === WIRE_VARINT) into.push(cursor.varint());
  else if (wireType === WIRE_BYTES) {
    const to = cursor.length() + cursor.pos;
    while (cursor.pos < to) into.push(cursor.varint());
    if (cursor.pos > to) throw new WireError('malformed', `packed field ${tag >>> 3} ends inside a number`);
  } else cursor.skip(tag);
}

function readOthers(cursor: WireCursor, others: Float64Array): void {
  const to = cursor.length() + cursor.pos;
  while (cursor.pos < to) {
    const tag = cursor.tag();
    const measure = (tag >>> 3) - FIRST_MEASURE_FIELD;
    if ((tag & 7) === WIRE_VARINT && measure >= 0 && measure < MEASURES) others[measure] = cursor.varint();
    else cursor.skip(tag);
  }
  if (cursor.pos > to) throw new WireError('malformed', 'the others of an answer end inside a field');
}

function checkShape(
  rowCount: number,
  keyCount: number,
  keys: readonly number[],
  columns: readonly (readonly number[])[],
  textCount: number,
): void {
  if (keys.length !== rowCount * keyCount) {
    throw new WireError(
      'malformed',
      `${keys.length} keys of ${rowCount} rows, expected ${keyCount} for each`,
    );
  }
  const outside = keys.find((place) => place >= textCount);
  if (outside !== undefined)
    throw new WireError('malformed', `text ${outside} of a row, there are ${textCount}`);
  const short = columns.find(({ length }) => length !== 0 && length !== rowCount);
  if (short !== undefined) {
    throw new WireError('malformed', `column of ${short.length} values for ${rowCount} rows`);
  }
}

function rowByRow(columns: readonly (readonly number[])[], rowCount: number): Float64Array {
  const sums = new Float64Array(rowCount * MEASURES);
  for (const [measure, column] of columns.entries()) {
    for (let row = 0; row < column.length; row++) sums[row * MEASURES + measure] = column[row];
  }
  return sums;
}
