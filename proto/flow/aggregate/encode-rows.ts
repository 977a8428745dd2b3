import { FRAME_PREFIX_BYTES, putFramePrefix } from '../frame.ts';
import { closeLength, putBytes, putVarint, varintSize, WIRE_BYTES, WIRE_VARINT } from '../wire.ts';
import { FLOWS, MEASURES } from './row-measures.ts';
import type { RowTable } from './row-table.ts';

/** One answer: what a table holds at its end. */
export interface RowsAnswer {
  readonly table: RowTable;
  /** Rows of the answer at most; the others are summed up. */
  readonly maxRows: number;
  /** What the answer spans. */
  readonly elapsedUs: number;
}

/** Numbers of the fields of FlowRows. */
export const TEXTS_FIELD = 1;
export const KEYS_FIELD = 2;
/** The columns of the measures begin here, in the order of row-measures.ts; those of RowMeasures too. */
export const FIRST_MEASURE_FIELD = 3;
export const OTHERS_FIELD = 20;
export const MAX_MISSING_FIELD = 21;
export const ELAPSED_FIELD = 22;
export const UNFINISHED_FIELD = 23;

/** A message of an answer is ended once its rows may take so much: clients take messages of 4 MiB, and others want their turn. */
const MESSAGE_BYTES = 512 * 1024;
/** A value at its longest: 53 bits as a varint. */
const VALUE_BYTES = 8;
const ROW_TAG = (1 << 3) | WIRE_BYTES;
/** What a field's tag and length take at most. */
const HEAD_BYTES = 7;

/** Writes an answer as frames, each an AggregateFlowsResponse; one at least, of which the last ends the answer. The table stays as it is. */
export function encodeRows({ table, maxRows, elapsedUs }: RowsAnswer): Uint8Array[] {
  const { rows, others, maxMissingFlows } = table.choose(maxRows);
  const frames: Uint8Array[] = [];
  let from = 0;
  do {
    const part = takePart(table, rows, from);
    from = part.to;
    const isLast = from === rows.length;
    const room = part.bytes + (MEASURES + 6) * (HEAD_BYTES + VALUE_BYTES) + 64;
    const writer = new RowsWriter(room);
    writer.texts(part.texts);
    writer.packed(KEYS_FIELD, part.keys.length, (i) => part.keys[i]);
    for (let measure = 0; measure < MEASURES; measure++) writer.column(table, part.rows, measure);
    if (isLast) {
      writer.others(others);
      writer.number(MAX_MISSING_FIELD, maxMissingFlows);
      writer.number(ELAPSED_FIELD, elapsedUs);
    } else writer.number(UNFINISHED_FIELD, 1);
    frames.push(writer.finish());
  } while (from < rows.length);
  return frames;
}

/** A message without rows, which says that the answer is still being made. */
export function encodeSignOfLife(): Uint8Array {
  const writer = new RowsWriter(64);
  writer.number(UNFINISHED_FIELD, 1);
  return writer.finish();
}

interface Part {
  readonly rows: Int32Array;
  readonly to: number;
  /** In UTF-8. */
  readonly texts: readonly Uint8Array[];
  /** Row by row, places in `texts`. */
  readonly keys: readonly number[];
  /** Bytes that all of it takes at most. */
  readonly bytes: number;
}

/** As many rows as fit into one message. */
function takePart(table: RowTable, rows: Int32Array, from: number): Part {
  /** Where a text stands in the message, plus 1, by its number in the table. */
  const places = new Int32Array(table.texts.count);
  const texts: Uint8Array[] = [];
  const keys: number[] = [];
  let bytes = 0;
  let to = from;
  for (; to < rows.length && bytes < MESSAGE_BYTES; to++) {
    bytes += MEASURES * VALUE_BYTES;
    for (let key = 0; key < table.keyCount; key++) {
      const id = table.textId(rows[to], key);
      if (places[id] === 0) {
        const text = table.texts.utf8(id);
        places[id] = texts.push(text);
        bytes += HEAD_BYTES + text.length;
      }
      keys.push(places[id] - 1);
      bytes += 3;
    }
  }
  return { rows: rows.subarray(from, to), to, texts, keys, bytes };
}

/** Writes one AggregateFlowsResponse with rows as a frame. */
class RowsWriter {
  private readonly out: Uint8Array;
  private pos: number;

  constructor(roomBytes: number) {
    this.out = new Uint8Array(roomBytes);
    this.pos = START;
  }

  texts(texts: readonly Uint8Array[]): void {
    const { out } = this;
    for (const bytes of texts) {
      this.pos = putVarint(out, this.pos, (TEXTS_FIELD << 3) | WIRE_BYTES);
      this.pos = putBytes(out, putVarint(out, this.pos, bytes.length), bytes);
    }
  }

  /** A packed field of `count` values, or nothing for none. */
  packed(field: number, count: number, valueOf: (i: number) => number): void {
    if (count === 0) return;
    const { out } = this;
    const start = putVarint(out, this.pos, (field << 3) | WIRE_BYTES) + 1;
    let pos = start;
    for (let i = 0; i < count; i++) pos = putVarint(out, pos, Math.min(valueOf(i), Number.MAX_SAFE_INTEGER));
    this.pos = closeLength(out, start, pos, 1);
  }

  column(table: RowTable, rows: Int32Array, measure: number): void {
    const isZero = (row: number): boolean => table.measure(row, measure) === 0;
    if (measure !== FLOWS && rows.every(isZero)) return;
    this.packed(FIRST_MEASURE_FIELD + measure, rows.length, (i) => table.measure(rows[i], measure));
  }

  others(sums: Float64Array): void {
    if (sums[FLOWS] === 0) return;
    const { out } = this;
    const start = putVarint(out, this.pos, (OTHERS_FIELD << 3) | WIRE_BYTES) + 1;
    this.pos = start;
    for (let measure = 0; measure < MEASURES; measure++)
      this.number(FIRST_MEASURE_FIELD + measure, sums[measure]);
    this.pos = closeLength(out, start, this.pos, 1);
  }

  number(field: number, value: number): void {
    if (value === 0) return;
    this.pos = putVarint(this.out, this.pos, (field << 3) | WIRE_VARINT);
    this.pos = putVarint(this.out, this.pos, Math.min(value, Number.MAX_SAFE_INTEGER));
  }

  /** Puts the heads in front: those of the frame and of the oneof's member. */
  finish(): Uint8Array {
    const { out, pos } = this;
    const length = pos - START;
    const head = 1 + varintSize(length);
    const at = START - head;
    out[at] = ROW_TAG;
    putVarint(out, at + 1, length);
    const from = at - FRAME_PREFIX_BYTES;
    putFramePrefix(out, from, head + length);
    return out.subarray(from, pos);
  }
}

/** Rows begin here, behind room for the heads. */
const START = FRAME_PREFIX_BYTES + HEAD_BYTES;
