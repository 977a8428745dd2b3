import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';

/** A type of the Common Expression Language. `dyn` is known at run time only; a `param` stands for whatever the checker finds. */
export type CelType =
  | { readonly kind: SimpleKind }
  | { readonly kind: 'wrapper'; readonly of: CelType }
  | { readonly kind: 'list'; readonly element: CelType }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType }
  | { readonly kind: 'message'; readonly desc: DescMessage }
  | { readonly kind: 'type' }
  | { readonly kind: 'param'; readonly id: number };

type SimpleKind =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration'
  | 'dyn';

const simple = (kind: SimpleKind): CelType => ({ kind });

export const BOOL = simple('bool');
export const INT = simple('int');
export const UINT = simple('uint');
export const DOUBLE = simple('double');
export const STRING = simple('string');
export const BYTES = simple('bytes');
export const NULL = simple('null');
export const TIMESTAMP = simple('timestamp');
export const DURATION = simple('duration');
export const DYN = simple('dyn');
export const TYPE: CelType = { kind: 'type' };

export const listOf = (element: CelType): CelType => ({ kind: 'list', element });
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: 'map', key, value });
const wrapperOf = (of: CelType): CelType => ({ kind: 'wrapper', of });

/** Messages that CEL knows as types of its own (langdef.md of cel-spec, "Protocol Buffer Data Conversion"). */
const wellKnown: Readonly<Record<string, CelType>> = {
  'google.protobuf.Timestamp': TIMESTAMP,
  'google.protobuf.Duration': DURATION,
  'google.protobuf.Any': DYN,
  'google.protobuf.Value': DYN,
  'google.protobuf.Struct': mapOf(STRING, DYN),
  'google.protobuf.ListValue': listOf(DYN),
  'google.protobuf.BoolValue': wrapperOf(BOOL),
  'google.protobuf.Int32Value': wrapperOf(INT),
  'google.protobuf.Int64Value': wrapperOf(INT),
  'google.protobuf.UInt32Value': wrapperOf(UINT),
  'google.protobuf.UInt64Value': wrapperOf(UINT),
  'google.protobuf.FloatValue': wrapperOf(DOUBLE),
  'google.protobuf.DoubleValue': wrapperOf(DOUBLE),
  'google.protobuf.StringValue': wrapperOf(STRING),
  'google.protobuf.BytesValue': wrapperOf(BYTES),
};

export function messageType(desc: DescMessage): CelType {
  return wellKnown[desc.typeName] ?? { kind: 'message', desc };
}

function scalarType(scalar: ScalarType): CelType {
  switch (scalar) {
    case ScalarType.BOOL:
      return BOOL;
    case ScalarType.STRING:
      return STRING;
    case ScalarType.BYTES:
      return BYTES;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return DOUBLE;
    case ScalarType.UINT32:
    case ScalarType.UINT64:
    case ScalarType.FIXED32:
    case ScalarType.FIXED64:
      return UINT;
    default:
      return INT;
  }
}

/** The type of a protobuf field. Enums are numbers. */
export function fieldType(field: DescField): CelType {
  switch (field.fieldKind) {
    case 'message':
      return messageType(field.message);
    case 'enum':
      return INT;
    case 'scalar':
      return scalarType(field.scalar);
    case 'list':
      if (field.listKind === 'message') return listOf(messageType(field.message));
      return listOf(field.listKind === 'enum' ? INT : scalarType(field.scalar));
    default:
      return mapOf(
        scalarType(field.mapKey),
        field.mapKind === 'message'
          ? messageType(field.message)
          : field.mapKind === 'enum'
            ? INT
            : scalarType(field.scalar),
      );
  }
}

/** A type as an error message shows it. */
export function typeText(type: CelType): string {
  switch (type.kind) {
    case 'wrapper':
      return `wrapper(${typeText(type.of)})`;
    case 'list':
      return `list(${typeText(type.element)})`;
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`;
    case 'message':
      return type.desc.typeName;
    case 'param':
      return 'dyn';
    default:
      return type.kind;
  }
}
