import { type CelInput, celUint } from '@bufbuild/cel';
import { create, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { FlowSchema } from '../../../gen/flow/flow_pb.ts';
import { decodeText } from '../../decode-text.ts';
import { type FieldPath, fieldPath } from '../../field-path.ts';
import type { FlowIndex } from '../../flow-index.ts';

/** Reads one value out of the flow that the index stands at. */
export type FlowReader = (index: FlowIndex) => CelInput;

/** The path, or null where the index does not go: field numbers and depths that it leaves out. */
function indexedPath(names: string): FieldPath | null {
  try {
    return fieldPath(names);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The last field of a path from the flow; undefined when there is none of that name. */
function lastField(names: readonly string[]): DescField | undefined {
  let message: DescMessage | undefined = FlowSchema;
  let field: DescField | undefined;
  for (const name of names) {
    field = message?.fields.find((candidate) => candidate.name === name);
    message = field?.fieldKind === 'message' ? field.message : undefined;
  }
  return field;
}

function scalarReader(scalar: ScalarType, path: FieldPath): FlowReader | null {
  switch (scalar) {
    case ScalarType.BOOL:
      return (index) => index.bool(path);
    case ScalarType.STRING:
      return (index) => index.text(path);
    case ScalarType.INT32:
      return (index) => BigInt(index.int32(path));
    case ScalarType.INT64:
      return (index) => BigInt.asIntN(64, index.uint64(path));
    case ScalarType.UINT32:
      return (index) => celUint(BigInt(index.uint32(path)));
    case ScalarType.UINT64:
      return (index) => celUint(index.uint64(path));
    default:
      return null;
  }
}

function textsReader(path: FieldPath): FlowReader {
  return (index) => {
    const texts: string[] = [];
    index.someText(path, (bytes, start, end) => {
      texts.push(decodeText(bytes, start, end));
      return false;
    });
    return texts;
  };
}

function messageReader(field: DescField & { fieldKind: 'message' }, name: string): FlowReader | null {
  const path = indexedPath(name);
  if (path === null) return null;
  if (isWrapperDesc(field.message)) {
    const value = indexedPath(`${name}.value`);
    const read = value === null ? null : scalarReader(field.message.fields[0].scalar, value);
    return read === null ? null : (index) => (index.has(path) ? read(index) : null);
  }
  if (field.message.typeName !== TimestampSchema.typeName) return null;
  const seconds = indexedPath(`${name}.seconds`);
  const nanos = indexedPath(`${name}.nanos`);
  if (seconds === null || nanos === null) return null;
  return (index) =>
    create(TimestampSchema, {
      seconds: BigInt.asIntN(64, index.uint64(seconds)),
      nanos: index.int32(nanos),
    });
}

/**
 * How to read a field of the flow, given by proto names from the flow down, without decoding it; null for one that only the decoded flow has in the form that an expression
 * needs. Absent fields read as CEL has it: as their defaults, wrappers as null.
 */
export function flowReader(names: readonly string[]): FlowReader | null {
  const field = lastField(names);
  const name = names.join('.');
  if (field === undefined) return null;
  if (field.fieldKind === 'message') return messageReader(field, name);
  const path = indexedPath(name);
  if (path === null) return null;
  if (field.fieldKind === 'enum') return (index) => BigInt(index.int32(path));
  if (field.fieldKind === 'scalar') return scalarReader(field.scalar, path);
  const isTexts =
    field.fieldKind === 'list' && field.listKind === 'scalar' && field.scalar === ScalarType.STRING;
  return isTexts ? textsReader(path) : null;
}

/** How to tell whether a field is set: messages and lists when they are there, all others when they differ from their defaults. */
export function flowPresence(names: readonly string[]): FlowReader | null {
  const field = lastField(names);
  const path = indexedPath(names.join('.'));
  if (field === undefined || path === null) return null;
  if (field.fieldKind === 'message') return (index) => index.has(path);
  if (field.fieldKind === 'list') return field.listKind === 'enum' ? null : (index) => index.has(path);
  const read = flowReader(names);
  if (read === null) return null;
  if (
    field.fieldKind === 'scalar' &&
    field.scalar !== ScalarType.BOOL &&
    field.scalar !== ScalarType.STRING
  ) {
    return (index) => index.uint64(path) !== 0n;
  }
  return (index) => {
    const value = read(index);
    return value !== '' && value !== 0n && value !== false;
  };
}
