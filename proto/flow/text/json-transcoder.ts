import type { DescMessage } from '@bufbuild/protobuf';
import { putVarint } from '../wire.ts';
import {
  JSON_BOOL,
  JSON_ENUM,
  JSON_INT32,
  JSON_MESSAGE,
  JSON_STRING,
  JSON_TIMESTAMP,
  JSON_UINT32,
  JSON_UINT64,
  type JsonField,
  type JsonMessage,
  jsonMessage,
  type JsonWord,
  hasWord,
} from './json-fields.ts';
import { JsonMessageCache } from './json-message-cache.ts';
import { JsonValues, QUOTE } from './json-values.ts';

const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Turns JSON of a message straight into its wire format: one pass over the bytes, nothing allocated. It knows the JSON that Hubble's and our own tools write, and declines
 * everything else rather than guess: unknown fields, fields twice, null, numbers that are written otherwise, surrogate escapes, blanks before a colon, mistakes. A decoder
 * that knows all of JSON is to be asked then; where this one answers, both say the same.
 */
export class JsonTranscoder extends JsonValues {
  private readonly root: JsonMessage;
  private readonly maxBytes: number;
  private readonly cache = new JsonMessageCache();

  /** `maxBytes`: the longest text that is looked at. */
  constructor(schema: DescMessage, maxBytes: number) {
    // The worst is a list of empty messages: five bytes for each `{},`.
    super(2 * maxBytes + 1024);
    this.root = jsonMessage(schema);
    this.maxBytes = maxBytes;
  }

  /**
   * Encodes the JSON at `bytes[start, end)` into `out`; behind it, at `bytes[end]`, a line break or carriage return has to stand. Returns the length of the message, or -1
   * when a full decoder has to look at it.
   */
  transcode(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.maxBytes || !this.begin(bytes, start, end) || !this.message(this.root)) return -1;
    this.skipSpace();
    return this.pos === end ? this.at : -1;
  }

  private message(message: JsonMessage): boolean {
    if (message.isOther || !this.take(OPEN_BRACE)) return false;
    if (this.take(CLOSE_BRACE)) return true;
    let seenLow = 0;
    let seenHigh = 0;
    let previous: JsonWord<JsonField> | null = null;
    do {
      const word = this.key(message, previous);
      if (word === null) return false;
      previous = word;
      const field: JsonField = word.value;
      const { slot } = field;
      const bit = 1 << (slot % 31);
      if (((slot < 31 ? seenLow : seenHigh) & bit) !== 0) return false;
      if (slot < 31) seenLow |= bit;
      else seenHigh |= bit;
      if (!(field.isList ? this.list(field) : this.value(field))) return false;
    } while (this.take(COMMA));
    return this.take(CLOSE_BRACE);
  }

  /** Moves over a field's name and its colon. */
  private key(message: JsonMessage, previous: JsonWord<JsonField> | null): JsonWord<JsonField> | null {
    let word = previous === null ? message.first : previous.next;
    if (word === null || !hasWord(this.view, this.pos, word)) {
      const end = this.wordEnd();
      word = end < 0 ? null : message.fields.find(this.view, this.bytes, this.pos, end);
      if (word === null) return null;
      if (previous === null) message.first = word;
      else previous.next = word;
    }
    this.pos += word.bytes.length;
    if (this.bytes[this.pos] <= 0x20) this.skipSpace();
    return word;
  }

  private list(field: JsonField): boolean {
    if (!this.take(OPEN_BRACKET)) return false;
    if (this.take(CLOSE_BRACKET)) return true;
    do if (!this.value(field)) return false;
    while (this.take(COMMA));
    return this.take(CLOSE_BRACKET);
  }

  private value(field: JsonField): boolean {
    const { out } = this;
    out[this.at++] = field.tag0;
    if (field.tag1 !== 0) {
      out[this.at++] = field.tag1;
      if (field.tag2 !== 0) out[this.at++] = field.tag2;
    }
    switch (field.kind) {
      case JSON_STRING:
        return this.string();
      case JSON_MESSAGE:
        return this.nested(field.message!);
      case JSON_TIMESTAMP:
        return this.timestamp();
      default:
        return field.isWrapped ? this.wrapped(field) : this.varint(field);
    }
  }

  private wrapped(field: JsonField): boolean {
    const start = this.open();
    this.out[this.at++] = 1 << 3;
    return this.varint(field) && this.close(start);
  }

  private nested(message: JsonMessage): boolean {
    if (message.isRecurring) return this.recurring(message);
    const start = this.open();
    return this.message(message) && this.close(start);
  }

  /** A message that most likely stood in a flow before. */
  private recurring(message: JsonMessage): boolean {
    const { cache, bytes, out } = this;
    const known = cache.find(this.view, this.pos);
    if (known > 0) {
      this.pos += known;
      this.at = cache.put(out, this.at);
      return true;
    }
    const slot = cache.lastSlot;
    const { pos, at, hasHighBytes } = this;
    this.hasHighBytes = false;
    const start = this.open();
    if (!this.message(message) || !this.close(start)) return false;
    if (this.hasHighBytes) return true; // each is to be checked
    cache.store(slot, bytes.subarray(pos, this.pos), out.subarray(at, this.at));
    this.hasHighBytes = hasHighBytes;
    return true;
  }

  private varint(field: JsonField): boolean {
    switch (field.kind) {
      case JSON_BOOL:
        return this.bool();
      case JSON_ENUM:
        return this.bytes[this.pos] === QUOTE ? this.enumName(field) : this.number(0x7fffffff);
      case JSON_UINT32:
        return this.number(0xffffffff);
      case JSON_INT32:
        return this.number(0x7fffffff);
      case JSON_UINT64:
        return this.quotedNumber();
      default:
        return false;
    }
  }

  private enumName(field: JsonField): boolean {
    let word = field.lastName;
    if (word === null || !hasWord(this.view, this.pos, word)) {
      const end = this.wordEnd();
      word = end < 0 ? null : field.names!.find(this.view, this.bytes, this.pos, end);
      if (word === null || word.value < 0) return false;
      field.lastName = word;
    }
    this.pos += word.bytes.length;
    this.at = putVarint(this.out, this.at, word.value);
    return true;
  }
}
