import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { WIRE_BYTES, WIRE_VARINT } from '../wire.ts';
import { type JsonWords, jsonWords } from './json-bytes.ts';

/** How a value becomes JSON. `JSON_GENERAL`: a message that is decoded first. */
export const JSON_STRING = 1;
export const JSON_BOOL = 2;
export const JSON_UINT32 = 3;
export const JSON_INT32 = 4;
export const JSON_UINT64 = 5;
export const JSON_INT64 = 6;
export const JSON_ENUM = 7;
export const JSON_MESSAGE = 8;
export const JSON_TIMESTAMP = 9;
export const JSON_GENERAL = 10;

/** A field of a message, and how it is written. */
export interface FieldPlan {
  /** What it has to begin with in the wire format; what begins otherwise is left to a full decoder. */
  readonly tag: number;
  /** Its place among the fields of the message, which is the order in JSON. */
  readonly slot: number;
  readonly kind: number;
  readonly isList: boolean;
  /** The value is inside a message of its own, as field 1: BoolValue and its like. */
  readonly isWrapped: boolean;
  /** Written where it is there, also with its default. */
  readonly hasPresence: boolean;
  /** Number of its oneof in the message; -1 for none. */
  readonly oneof: number;
  /** `"name":` */
  readonly key: JsonWords;
  /** For bools and enums: key, value and comma, by the value. */
  readonly words: readonly (JsonWords | undefined)[];
  /** For JSON_MESSAGE. */
  readonly message: MessagePlan | null;
  /** For JSON_GENERAL. */
  readonly schema: DescMessage | null;
}

/** A kind of message. Filled after its making, since messages may hold messages of their own kind. */
export interface MessagePlan {
  readonly schema: DescMessage;
  fields: readonly FieldPlan[];
  /** Fields by their numbers: those below `LOW_NUMBERS`, and the others. */
  readonly low: (FieldPlan | undefined)[];
  readonly high: Map<number, FieldPlan>;
  readonly oneofs: number;
  /** The whole message is decoded first: it has a field of a kind that flows do not have. */
  isGeneral: boolean;
  /** The same message stands in many flows: worth remembering what it became. */
  readonly isRecurring: boolean;
}

export const LOW_NUMBERS = 256;
/** Enums with numbers beyond are decoded first. */
const MAX_ENUM = 1023;

const recurring = new Set(['flow.Endpoint', 'flow.Emitter', 'flow.NetworkInterface', 'flow.Policy']);

const plans = new Map<DescMessage, MessagePlan>();

/** How messages of a kind are written; compiled once for each. */
export function messagePlan(schema: DescMessage): MessagePlan {
  const known = plans.get(schema);
  if (known !== undefined) return known;
  const plan: MessagePlan = {
    schema,
    fields: [],
    low: Array.from({ length: LOW_NUMBERS }, () => undefined),
    high: new Map(),
    oneofs: schema.oneofs.length,
    isGeneral: false,
    isRecurring: recurring.has(schema.typeName),
  };
  plans.set(schema, plan);
  const fields = schema.fields.flatMap((field, slot) => compileField(field, slot) ?? []);
  plan.isGeneral = fields.length < schema.fields.length;
  plan.fields = fields;
  for (const [i, field] of fields.entries()) {
    const { number } = schema.fields[i];
    if (number < LOW_NUMBERS) plan.low[number] = field;
    else plan.high.set(number, field);
  }
  return plan;
}

/** The most bytes of JSON that a byte of a message may become, nested ones included; those that are decoded first left out. */
export function maxExpansion(plan: MessagePlan, seen = new Set<MessagePlan>()): number {
  seen.add(plan);
  // Of text a byte may become \u003c.
  let most = 6;
  for (const { key, words, tag, message } of plan.fields) {
    const longest = Math.max(LONGEST_VALUE, ...words.map((word) => (word?.length ?? 0) - key.length));
    most = Math.max(most, (key.length + longest + 4) / (tag > 127 ? 3 : 2));
    if (message !== null && !seen.has(message)) most = Math.max(most, maxExpansion(message, seen));
  }
  return Math.ceil(most);
}

/** A time of nanoseconds, with its quotes. */
const LONGEST_VALUE = 32;

/** Null for what flows do not have. */
function compileField(field: DescField, slot: number): FieldPlan | null {
  const shape = shapeOf(field);
  if (shape === null) return null;
  const { kind, isWrapped = false } = shape;
  const isVarint = kind <= JSON_ENUM && kind !== JSON_STRING && !isWrapped;
  const key = `"${field.name}":`;
  return {
    tag: field.number * 8 + (isVarint ? WIRE_VARINT : WIRE_BYTES),
    slot,
    kind,
    isList: field.fieldKind === 'list',
    isWrapped,
    hasPresence: field.presence !== FeatureSet_FieldPresence.IMPLICIT,
    oneof: field.oneof === undefined ? -1 : field.parent.oneofs.indexOf(field.oneof),
    key: jsonWords(key),
    words: wordsOf(kind, field, key),
    message: kind === JSON_MESSAGE ? messagePlan(field.message!) : null,
    schema: kind === JSON_GENERAL ? field.message! : null,
  };
}

interface Shape {
  readonly kind: number;
  readonly isWrapped?: boolean;
}

function shapeOf(field: DescField): Shape | null {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarShape(field.scalar, field);
    case 'enum':
      return isUsualEnum(field.enum) ? { kind: JSON_ENUM } : null;
    case 'message':
      return field.delimitedEncoding ? null : messageShape(field.message);
    case 'list': {
      if (field.listKind === 'scalar')
        return field.scalar === ScalarType.STRING ? scalarShape(field.scalar, field) : null;
      if (field.listKind === 'enum' || field.delimitedEncoding) return null;
      const shape = messageShape(field.message);
      return shape?.kind === JSON_MESSAGE || shape?.kind === JSON_TIMESTAMP ? shape : null;
    }
    default:
      return null;
  }
}

function messageShape(schema: DescMessage): Shape | null {
  switch (schema.typeName) {
    case 'google.protobuf.Timestamp':
      return { kind: JSON_TIMESTAMP };
    case 'google.protobuf.BoolValue':
      return { kind: JSON_BOOL, isWrapped: true };
    case 'google.protobuf.Int32Value':
      return { kind: JSON_INT32, isWrapped: true };
    case 'google.protobuf.UInt32Value':
      return { kind: JSON_UINT32, isWrapped: true };
    case 'google.protobuf.Any':
    case 'google.protobuf.Duration':
      return { kind: JSON_GENERAL };
    default:
      return schema.typeName.startsWith('google.protobuf.') ? null : { kind: JSON_MESSAGE };
  }
}

function scalarShape(type: ScalarType, field: DescField): Shape | null {
  switch (type) {
    case ScalarType.STRING:
      return 'utf8Validation' in field && field.utf8Validation ? { kind: JSON_STRING } : null;
    case ScalarType.BOOL:
      return { kind: JSON_BOOL };
    case ScalarType.UINT32:
      return { kind: JSON_UINT32 };
    case ScalarType.INT32:
      return { kind: JSON_INT32 };
    case ScalarType.UINT64:
      return { kind: JSON_UINT64 };
    case ScalarType.INT64:
      return { kind: JSON_INT64 };
    default:
      return null;
  }
}

function isUsualEnum({ open, values }: DescEnum): boolean {
  return open && values.every(({ number }) => number >= 0 && number <= MAX_ENUM);
}

function wordsOf(kind: number, field: DescField, key: string): (JsonWords | undefined)[] {
  if (kind === JSON_BOOL) return [jsonWords(`${key}false,`), jsonWords(`${key}true,`)];
  if (kind !== JSON_ENUM) return [];
  const words: (JsonWords | undefined)[] = [];
  const { value } = field.enum!;
  for (const { number } of field.enum!.values) {
    while (words.length <= number) words.push(undefined);
    words[number] = jsonWords(`${key}"${value[number].name}",`);
  }
  return words;
}
