import {
  createRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import {
  type Any,
  FeatureSet_FieldPresence,
  file_google_protobuf_duration,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  isWrapperDesc,
  type Timestamp,
} from '@bufbuild/protobuf/wkt';
import { file_flow_flow } from '../../gen/flow/flow_pb.ts';
import { escapeJson, jsonString } from './json-string.ts';
import { jsonTime } from './json-time.ts';

/**
 * Messages as one line of proto3 JSON: proto field names in the order of definition, defaults left out, no white space, and the characters escaped that Go's encoder
 * escapes. A writer is compiled once per kind of message, which makes it several times as fast as `toJson` and a JSON.stringify of its result.
 */
type Write<T = unknown> = (value: T) => string;

/** Types that an `Any` may hold and still be shown field by field. */
const registry = createRegistry(
  file_flow_flow,
  file_google_protobuf_duration,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
);

/** The members of a kind of message in the order of definition. */
interface Member {
  readonly name: string;
  readonly key: string;
  /** The value; empty when the message does not have the field. */
  readonly write: Write<Message>;
}

const writers = new WeakMap<DescMessage, Write<Message>>();

/** The JSON of a message. Throws RangeError for an impossible timestamp anywhere in it. */
export function messageJson(schema: DescMessage, message: Message): string {
  return messageWriter(schema)(message);
}

/** The fields that a message has, each with the JSON of its value, for who orders them otherwise. */
export function memberJson(schema: DescMessage, message: Message): ReadonlyMap<string, string> {
  const members = schema.fields.map(compileMember).map(({ name, write }) => [name, write(message)] as const);
  return new Map(members.filter(([, value]) => value !== ''));
}

function messageWriter(schema: DescMessage): Write<Message> {
  const known = writers.get(schema);
  if (known !== undefined) return known;
  const write = compileMessage(schema);
  writers.set(schema, write);
  return write;
}

function compileMessage(schema: DescMessage): Write<Message> {
  if (schema.typeName === 'google.protobuf.Timestamp') return (time) => jsonTime(time as Timestamp);
  if (schema.typeName === 'google.protobuf.Any') return (any) => anyJson(any as Any);
  if (schema.typeName.startsWith('google.protobuf.'))
    return (message) => escapeJson(JSON.stringify(toJson(schema, message)));
  // Compiled at the first use, since messages may hold messages of their own kind.
  let members: Member[] | undefined;
  return (message) => {
    members ??= schema.fields.map(compileMember);
    let text = '';
    for (const { key, write } of members) {
      const value = write(message);
      if (value !== '') text += text === '' ? key + value : `,${key}${value}`;
    }
    return `{${text}}`;
  };
}

function compileMember(field: DescField): Member {
  return { name: field.name, key: `${jsonString(field.name)}:`, write: compilePresence(field) };
}

function compilePresence(field: DescField): Write<Message> {
  const write = compileValue(field);
  const { localName } = field;
  if (field.oneof !== undefined) {
    const group = field.oneof.localName;
    return (message) => {
      const oneof = (message as unknown as Record<string, { case: string | undefined; value: unknown }>)[
        group
      ];
      return oneof.case === localName ? write(oneof.value) : '';
    };
  }
  const isAbsent = absenceTest(field);
  return (message) => {
    const value = (message as unknown as Record<string, unknown>)[localName];
    return isAbsent(value) ? '' : write(value);
  };
}

function absenceTest(field: DescField): (value: unknown) => boolean {
  if (field.fieldKind === 'list') return (value) => (value as unknown[]).length === 0;
  if (field.fieldKind === 'map') return (value) => Object.keys(value as object).length === 0;
  if (field.presence !== FeatureSet_FieldPresence.IMPLICIT) return (value) => value === undefined;
  if (field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES)
    return (value) => (value as Uint8Array).length === 0;
  if (
    field.fieldKind === 'scalar' &&
    (field.scalar === ScalarType.DOUBLE || field.scalar === ScalarType.FLOAT)
  )
    return (value) => Object.is(value, 0); // -0 is another value
  return (value) => value === 0 || value === '' || value === false || value === 0n;
}

function compileValue(field: DescField): Write {
  switch (field.fieldKind) {
    case 'list': {
      const write = compileElement(field.listKind, field);
      return (values) => `[${(values as unknown[]).map(write).join(',')}]`;
    }
    case 'map': {
      const write = compileElement(field.mapKind, field);
      const entry = ([key, value]: [string, unknown]): string => `${jsonString(key)}:${write(value)}`;
      return (values) =>
        `{${Object.entries(values as object)
          .map(entry)
          .join(',')}}`;
    }
    case 'message':
      return compileMessageValue(field.message);
    default:
      return compileElement(field.fieldKind, field);
  }
}

/** Elements of lists and maps; other than single fields they hold wrappers and structs as messages. */
function compileElement(kind: 'message' | 'enum' | 'scalar', field: DescField): Write {
  if (kind === 'message') return messageWriter(field.message!) as Write;
  return kind === 'enum' ? compileEnum(field.enum!) : compileScalar(field.scalar!);
}

/** Wrappers and structs of a single field are held as plain values. */
function compileMessageValue(schema: DescMessage): Write {
  if (isWrapperDesc(schema)) return compileScalar(schema.fields[0].scalar);
  if (schema.typeName === 'google.protobuf.Struct') return (value) => escapeJson(JSON.stringify(value));
  return messageWriter(schema) as Write;
}

function compileEnum({ value }: DescEnum): Write {
  return (number) => {
    const known = value[number as number];
    return known === undefined ? String(number) : `"${known.name}"`;
  };
}

function compileScalar(type: ScalarType): Write {
  switch (type) {
    case ScalarType.STRING:
      return (value) => jsonString(value as string);
    case ScalarType.BYTES:
      return (value) => `"${base64Encode(value as Uint8Array)}"`;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return (value) => {
        const text = Object.is(value, -0) ? '-0' : String(value);
        return Number.isFinite(value) ? text : `"${text}"`;
      };
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return (value) => `"${String(value)}"`;
    default:
      return String;
  }
}

/** What an `Any` holds, or its bytes when this version does not know the type: consumers must bear with that. */
function anyJson({ typeUrl, value }: Any): string {
  if (typeUrl === '') return '{}';
  const type = `"@type":${jsonString(typeUrl)}`;
  const schema = registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
  const message = schema === undefined ? undefined : tryDecode(schema, value);
  if (schema === undefined || message === undefined) return `{${type},"value":"${base64Encode(value)}"}`;
  const json = messageJson(schema, message);
  if (schema.typeName.startsWith('google.protobuf.')) return `{${type},"value":${json}}`;
  return json === '{}' ? `{${type}}` : `{${type},${json.slice(1)}`;
}

function tryDecode(schema: DescMessage, bytes: Uint8Array): Message | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return undefined; // not of the type that it names: shown as bytes
  }
}
