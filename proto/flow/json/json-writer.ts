import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { messageJson } from '../text/json-text.ts';
import { WIRE_BYTES, WIRE_VARINT, WireCursor, WireError } from '../wire.ts';
import { FragmentMemo } from './fragment-memo.ts';
import { JsonBytes, jsonBytes } from './json-bytes.ts';
import {
  type FieldPlan,
  JSON_BOOL,
  JSON_ENUM,
  JSON_GENERAL,
  JSON_INT32,
  JSON_INT64,
  JSON_MESSAGE,
  JSON_STRING,
  JSON_TIMESTAMP,
  JSON_UINT32,
  JSON_UINT64,
  LOW_NUMBERS,
  maxExpansion,
  type MessagePlan,
  messagePlan,
} from './json-plan.ts';
import { JsonTime } from './json-time.ts';
import { putString } from './put-string.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Longer messages are decoded first: room is made for the most that a message may become. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** Messages within messages; a decoder goes to 100. */
const MAX_DEPTH = 50;
/** Messages that are remembered of each recurring kind, a power of two. */
const REMEMBERED = 8192;
/** What is shorter is written as fast as it is found. */
const MIN_REMEMBERED_BYTES = 64;

/**
 * Writes encoded messages as one line of proto3 JSON each: the same, byte for byte, as `messageJson` makes of the decoded message, at a small part of the cost. Fields are looked up in the
 * wire format and written in the order of definition; ends of flows and what else recurs are remembered by their bytes. A message that no encoder writes (pieces to be merged, groups, other
 * wire types, text that is no UTF-8) is decoded first.
 */
export class JsonWriter {
  /** Messages so far that were decoded first. */
  decoded = 0;
  private readonly plan: MessagePlan;
  private readonly maxExpansion: number;
  private readonly cursor = new WireCursor();
  private readonly time = new JsonTime();
  private readonly memos = new Map<MessagePlan, FragmentMemo>();
  private readonly lineOut = new JsonBytes();
  private readonly utf8 = new TextDecoder();
  /** Where the fields of the messages that are open stand: start and end of each, one bit for each that is there, and how many members of each oneof are. */
  private places = new Int32Array(1024);
  private top = 0;
  private depth = 0;
  private roomBehind = 0;
  /** The array that messages are in, and a view on it. */
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);

  constructor(schema: DescMessage) {
    this.plan = messagePlan(schema);
    this.maxExpansion = maxExpansion(this.plan);
  }

  /** Appends the JSON of the message `bytes[start, end)`, without a line break. Throws Error for what is none, and RangeError for an impossible timestamp in it; `out` is as it was then. */
  write(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    const { at } = out;
    try {
      if (end - start > MAX_MESSAGE_BYTES) throw odd('its length');
      if (bytes !== this.bytes) {
        this.bytes = bytes;
        this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      }
      this.top = 0;
      this.depth = 0;
      this.roomBehind = (end - start) * this.maxExpansion + 64;
      out.reserve(this.roomBehind);
      this.message(this.plan, bytes, start, end, out);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      out.at = at;
      this.decoded++;
      const { schema } = this.plan;
      const json = jsonBytes(messageJson(schema, fromBinary(schema, bytes.subarray(start, end))));
      out.reserve(json.length);
      out.put(json);
    }
  }

  /** The same as text. */
  text(bytes: Uint8Array, start: number, end: number): string {
    const out = this.lineOut;
    out.at = 0;
    this.write(bytes, start, end, out);
    return this.utf8.decode(out.bytes.subarray(0, out.at));
  }

  private message(plan: MessagePlan, bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    if (plan.isGeneral) {
      this.general(plan.schema, bytes, start, end, out);
      return;
    }
    const { fields } = plan;
    const base = this.top;
    if (++this.depth > MAX_DEPTH) throw odd('its depth');
    this.find(plan, bytes, start, end);
    out.putByte(OPEN_BRACE);
    for (let slot = 0, at = base + 2 * fields.length; slot < fields.length; slot += 32, at++) {
      for (let bits = this.places[at]; bits !== 0; bits &= bits - 1) {
        const i = slot + 31 - Math.clz32(bits & -bits);
        this.field(fields[i], bytes, this.places[base + 2 * i], this.places[base + 2 * i + 1], out);
      }
    }
    this.top = base;
    this.depth--;
    endOf(out, CLOSE_BRACE);
  }

  /** Notes where the fields of a message stand, on top of those that are noted. */
  private find(plan: MessagePlan, bytes: Uint8Array, start: number, end: number): void {
    const { cursor, top: base } = this;
    const present = base + 2 * plan.fields.length;
    const members = present + ((plan.fields.length + 31) >> 5);
    this.top = members + plan.oneofs;
    if (this.top > this.places.length) {
      const larger = new Int32Array(2 * this.top);
      larger.set(this.places);
      this.places = larger;
    }
    const { places } = this;
    for (let i = present; i < this.top; i++) places[i] = 0;
    cursor.reset(bytes, start, end);
    let pos = start;
    while (pos < end) {
      const from = pos;
      // Read here as far as it is short, which nearly everything is: the cursor takes twice as long.
      let tag = bytes[pos++];
      if (tag > 127) {
        cursor.pos = from;
        tag = cursor.tag();
        pos = cursor.pos;
      }
      const number = tag >>> 3;
      const field = number < LOW_NUMBERS ? plan.low[number] : plan.high.get(number);
      if (field === undefined) {
        if (number === 0 || (tag & 7) === 3) throw odd('a group');
        cursor.pos = pos;
        cursor.skip(tag);
        pos = cursor.pos;
        continue;
      }
      if (tag !== field.tag || pos >= end) throw odd('a wire type');
      const at = base + 2 * field.slot;
      let value = pos;
      let length = bytes[pos++];
      if (length > 127) {
        cursor.pos = value;
        length = cursor.varint();
        pos = cursor.pos;
      }
      if ((tag & 7) === WIRE_BYTES) {
        value = pos;
        pos += length;
        if (pos > end) throw odd('its length');
      }
      places[at + 1] = pos;
      const word = present + (field.slot >> 5);
      const bit = 1 << (field.slot & 31);
      const isAgain = (places[word] & bit) !== 0;
      places[word] |= bit;
      if (field.isList) {
        if (!isAgain) places[at] = from;
        continue;
      }
      // Of numbers the last counts. Messages are merged, text that does not count has to be UTF-8 all the same, and members of a oneof displace each other.
      if (isAgain && (tag & 7) === WIRE_BYTES) throw odd('pieces');
      if (field.oneof >= 0 && places[members + field.oneof]++ > 0) throw odd('members');
      places[at] = value;
    }
  }

  private field(field: FieldPlan, bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    if (field.isList) {
      this.list(field, bytes, start, end, out);
      return;
    }
    switch (field.kind) {
      case JSON_STRING:
        if (start === end && !field.hasPresence) return;
        out.putWords(field.key);
        putString(bytes, this.view, start, end, out);
        break;
      case JSON_MESSAGE:
        out.putWords(field.key);
        this.nested(field.message!, bytes, start, end, out);
        break;
      case JSON_TIMESTAMP:
        out.putWords(field.key);
        this.time.write(bytes, start, end, out);
        break;
      case JSON_GENERAL:
        out.putWords(field.key);
        this.general(field.schema!, bytes, start, end, out);
        break;
      default:
        this.number(field, bytes, start, end, out);
        return;
    }
    out.putByte(COMMA);
  }

  private nested(plan: MessagePlan, bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    if (!plan.isRecurring || end - start < MIN_REMEMBERED_BYTES) {
      this.message(plan, bytes, start, end, out);
      return;
    }
    let memo = this.memos.get(plan);
    if (memo === undefined) {
      memo = new FragmentMemo(REMEMBERED, (from, at, to, into) => this.message(plan, from, at, to, into));
      this.memos.set(plan, memo);
    }
    memo.put(bytes, start, end, out);
  }

  /** The items of a repeated field, of which the first begins at `start` and the last ends at `end`. */
  private list(field: FieldPlan, bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    const { cursor } = this;
    out.putWords(field.key);
    out.putByte(OPEN_BRACKET);
    let pos = start;
    while (pos < end) {
      cursor.reset(bytes, pos, end);
      const tag = cursor.tag();
      if (tag !== field.tag) {
        cursor.skip(tag);
        pos = cursor.pos;
        continue;
      }
      const length = cursor.length();
      const from = cursor.pos;
      pos = from + length;
      if (field.kind === JSON_STRING) putString(bytes, this.view, from, pos, out);
      else if (field.kind === JSON_TIMESTAMP) this.time.write(bytes, from, pos, out);
      else this.nested(field.message!, bytes, from, pos, out);
      out.putByte(COMMA);
    }
    endOf(out, CLOSE_BRACKET);
    out.putByte(COMMA);
  }

  /** Numbers, bools and enums, also in a message of their own. */
  private number(field: FieldPlan, bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    const { cursor } = this;
    let value = bytes[start];
    let at = start;
    if (end - start !== 1 || field.isWrapped) {
      cursor.reset(bytes, start, end);
      const isThere = !field.isWrapped || this.unwrap(end);
      at = cursor.pos;
      value = isThere ? this.value(field.kind) : 0;
    } else if (field.kind === JSON_BOOL && value > 1) value = 1;
    if (value === 0 && !field.hasPresence) return;
    const isNamed = field.kind === JSON_BOOL || (field.kind === JSON_ENUM && value >= 0);
    const word = isNamed ? field.words[value] : undefined;
    if (word !== undefined) {
      out.putWords(word);
      return;
    }
    out.putWords(field.key);
    if (field.kind === JSON_UINT64 || field.kind === JSON_INT64) {
      out.putByte(QUOTE);
      if (Number.isSafeInteger(value)) out.putInteger(value);
      else {
        cursor.pos = at;
        const exact = cursor.uint64();
        out.put(jsonBytes(String(field.kind === JSON_INT64 ? BigInt.asIntN(64, exact) : exact)));
      }
      out.putByte(QUOTE);
    } else out.putInteger(value);
    out.putByte(COMMA);
  }

  private value(kind: number): number {
    const { cursor } = this;
    switch (kind) {
      case JSON_BOOL:
        return cursor.bool() ? 1 : 0;
      case JSON_ENUM:
      case JSON_INT32:
        return cursor.int32();
      case JSON_UINT32:
        return cursor.uint32();
      case JSON_INT64:
        return cursor.int64();
      default:
        return cursor.varint();
    }
  }

  /** Stands the cursor before the value inside a wrapper that ends at `end`; false when it has none. */
  private unwrap(end: number): boolean {
    const { cursor } = this;
    let value = -1;
    while (cursor.pos < end) {
      const tag = cursor.tag();
      if (tag >>> 3 === 1) {
        if (tag !== 8 + WIRE_VARINT) throw odd('a wire type');
        value = cursor.pos;
      } else if ((tag & 7) === 3) throw odd('a group');
      cursor.skip(tag);
    }
    if (value < 0) return false;
    cursor.pos = value;
    return true;
  }

  /** A message by way of a decoder. */
  private general(schema: DescMessage, bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    let json: Uint8Array;
    try {
      json = jsonBytes(messageJson(schema, fromBinary(schema, bytes.subarray(start, end))));
    } catch {
      throw odd('a part'); // what is wrong is told of the whole message
    }
    // The room that there is may be needed for what follows.
    out.reserve(json.length + this.roomBehind);
    out.put(json);
  }
}

/** Ends an object or a list: in place of the comma behind its last part, if there is one. */
function endOf(out: JsonBytes, bracket: number): void {
  const { bytes, at } = out;
  if (bytes[at - 1] === COMMA) bytes[at - 1] = bracket;
  else out.putByte(bracket);
}

/** Thrown for what is left to a decoder. */
function odd(what: string): WireError {
  return new WireError('malformed', `${what} is unusual`);
}
