import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WIRE_BYTES, WIRE_VARINT } from '../wire.ts';

/** How a value stands in JSON, and so how it is read. `JSON_OTHER`: left to a full decoder. */
export const JSON_OTHER = 0;
export const JSON_STRING = 1;
export const JSON_BOOL = 2;
export const JSON_UINT32 = 3;
export const JSON_INT32 = 4;
/** 64 bits, unsigned, as digits in quotes. */
export const JSON_UINT64 = 5;
export const JSON_ENUM = 6;
export const JSON_MESSAGE = 7;
export const JSON_TIMESTAMP = 8;

/** A text to be recognised in JSON, quotes and what else belongs to it included, and what it stands for. */
export interface JsonWord<T> {
  readonly bytes: Uint8Array;
  /** The same, four bytes at a time; the last four may overlap those before. */
  readonly quads: Int32Array;
  readonly value: T;
  /** The word that stood behind this one the last time: the first to be tried, since one program writes its fields in one order. */
  next: JsonWord<T> | null;
}

/** A field of a message. */
export interface JsonField {
  /** Its tag in the wire format: one byte, and further ones unless they are 0. */
  readonly tag0: number;
  readonly tag1: number;
  readonly tag2: number;
  readonly kind: number;
  readonly isList: boolean;
  /** The value is inside a message of its own, as field 1: BoolValue and its like. */
  readonly isWrapped: boolean;
  /** The place in `seen` that the field shares with those that exclude it: the members of its oneof. */
  readonly slot: number;
  /** For JSON_MESSAGE. */
  readonly message: JsonMessage | null;
  /** For JSON_ENUM. */
  readonly names: WordTable<number> | null;
  /** The name that was found last. */
  lastName: JsonWord<number> | null;
}

/** What a kind of message may hold. Filled after its making, since messages may hold messages of their own kind. */
export interface JsonMessage {
  fields: WordTable<JsonField>;
  /** Fields of which one may stand twice: more than 62, or none that can be read. */
  isOther: boolean;
  /** Whether the same message stands in many flows: worth remembering what it became. */
  isRecurring: boolean;
  /** The field that stood first the last time. */
  first: JsonWord<JsonField> | null;
}

/** Words by their bytes, found without making a string. */
export class WordTable<T> {
  private readonly words: JsonWord<T>[][] = Array.from({ length: 512 }, () => []);

  /** `tail` stands behind the closing quote of every word. */
  constructor(words: Iterable<readonly [string, T]>, tail = '') {
    for (const [text, value] of words) {
      const bytes = utf8.encode(`"${text}"${tail}`);
      const end = bytes.length - tail.length;
      this.words[hashOf(bytes, 0, end)].push({ bytes, quads: quadsOf(bytes), value, next: null });
    }
  }

  /** The word whose quotes stand at `start` and before `end`; null for none. */
  find(view: DataView, bytes: Uint8Array, start: number, end: number): JsonWord<T> | null {
    for (const word of this.words[hashOf(bytes, start, end)]) if (hasWord(view, start, word)) return word;
    return null;
  }
}

const utf8 = new TextEncoder();

function quadsOf(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = Math.ceil(bytes.length / 4);
  return Int32Array.from({ length: count }, (_, i) => view.getInt32(Math.min(4 * i, bytes.length - 4)));
}

/** Length and three letters: few names of one message share all of that. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  return (length * 31 + bytes[start + 1] * 7 + bytes[end - 2] * 13 + bytes[start + (length >> 1)] * 3) & 511;
}

/** Whether `view` has a word at `at`. */
export function hasWord<T>(view: DataView, at: number, { bytes, quads }: JsonWord<T>): boolean {
  const last = at + bytes.length - 4;
  if (last + 4 > view.byteLength) return false;
  const end = quads.length - 1;
  for (let i = 0; i < end; i++) if (view.getInt32(at + 4 * i) !== quads[i]) return false;
  return view.getInt32(last) === quads[end];
}

const messages = new Map<DescMessage, JsonMessage>();

/** Compiles what JSON of a message may hold; once for each kind of message. */
export function jsonMessage(schema: DescMessage): JsonMessage {
  const known = messages.get(schema);
  if (known !== undefined) return known;
  const message: JsonMessage = {
    fields: new WordTable([]),
    isOther: schema.fields.length > MAX_FIELDS,
    isRecurring: schema.typeName === 'flow.Endpoint',
    first: null,
  };
  messages.set(schema, message);
  const slots = new Map<unknown, number>();
  const words = schema.fields.flatMap((field) => {
    const place = field.oneof ?? field;
    if (!slots.has(place)) slots.set(place, slots.size);
    const compiled = compileField(field, slots.get(place)!);
    // Both spellings are JSON of the field: that of the schema, and lowerCamel.
    return [...new Set([field.name, field.jsonName])].map((name) => [name, compiled] as const);
  });
  message.fields = new WordTable(words, ':');
  return message;
}

/** As many as two integers have bits, the signs left out. */
const MAX_FIELDS = 62;

/** The largest number whose tag takes three bytes; that of `Summary` is 100000. */
const MAX_NUMBER = 0x3ffff;

function compileField(field: DescField, slot: number): JsonField {
  const { kind, isWrapped } = kindOf(field);
  const isVarint = kind !== JSON_STRING && kind !== JSON_MESSAGE && kind !== JSON_TIMESTAMP && !isWrapped;
  const tag = (field.number << 3) | (isVarint ? WIRE_VARINT : WIRE_BYTES);
  const isMessage = kind === JSON_MESSAGE && field.message !== undefined;
  return {
    tag0: tag > 127 ? (tag & 127) | 128 : tag,
    tag1: tag > 0x3fff ? ((tag >> 7) & 127) | 128 : tag >> 7,
    tag2: tag >> 14,
    kind: field.number > MAX_NUMBER ? JSON_OTHER : kind,
    isList: field.fieldKind === 'list',
    isWrapped,
    slot,
    message: isMessage ? jsonMessage(field.message) : null,
    names: kind === JSON_ENUM ? enumTable(field.enum!) : null,
    lastName: null,
  };
}

interface Kind {
  readonly kind: number;
  readonly isWrapped: boolean;
}

const other: Kind = { kind: JSON_OTHER, isWrapped: false };

function kindOf(field: DescField): Kind {
  switch (field.fieldKind) {
    case 'scalar':
      return { kind: scalarKind(field.scalar), isWrapped: false };
    case 'enum':
      // Google's own enums (NullValue) are not written by name.
      return field.enum.typeName.startsWith('google.') ? other : { kind: JSON_ENUM, isWrapped: false };
    case 'message':
      return messageKind(field.message);
    case 'list':
      // Numbers are packed there; flows have none but a server's answer may.
      if (field.listKind === 'message') {
        const element = messageKind(field.message);
        return element.isWrapped ? other : element;
      }
      return field.listKind === 'scalar' && field.scalar === ScalarType.STRING
        ? { kind: JSON_STRING, isWrapped: false }
        : other;
    default:
      return other;
  }
}

function messageKind(schema: DescMessage): Kind {
  switch (schema.typeName) {
    case 'google.protobuf.Timestamp':
      return { kind: JSON_TIMESTAMP, isWrapped: false };
    case 'google.protobuf.BoolValue':
      return { kind: JSON_BOOL, isWrapped: true };
    case 'google.protobuf.Int32Value':
      return { kind: JSON_INT32, isWrapped: true };
    case 'google.protobuf.UInt32Value':
      return { kind: JSON_UINT32, isWrapped: true };
    default:
      return schema.typeName.startsWith('google.') ? other : { kind: JSON_MESSAGE, isWrapped: false };
  }
}

function scalarKind(type: ScalarType): number {
  switch (type) {
    case ScalarType.STRING:
      return JSON_STRING;
    case ScalarType.BOOL:
      return JSON_BOOL;
    case ScalarType.UINT32:
      return JSON_UINT32;
    case ScalarType.INT32:
      return JSON_INT32;
    case ScalarType.UINT64:
      return JSON_UINT64;
    default:
      return JSON_OTHER;
  }
}

const enumTables = new Map<DescEnum, WordTable<number>>();

function enumTable(schema: DescEnum): WordTable<number> {
  let table = enumTables.get(schema);
  if (table === undefined) {
    table = new WordTable(schema.values.map(({ name, number }) => [name, number] as const));
    enumTables.set(schema, table);
  }
  return table;
}
