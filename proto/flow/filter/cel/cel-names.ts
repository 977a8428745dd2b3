import type { DescEnum, DescMessage } from '@bufbuild/protobuf';
import { createRegistry } from '@bufbuild/protobuf';
import {
  file_google_protobuf_duration,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import { file_flow_flow, FlowSchema } from '../../../gen/flow/flow_pb.ts';
import { type CelType, messageType, TYPE } from './cel-type.ts';

/** The one variable of an expression: the flow that is looked at. */
export const FLOW_VARIABLE = '_flow';
export const FLOW_TYPE: CelType = messageType(FlowSchema);

/** Names are looked for in this package first. */
const CONTAINER = 'flow';

/** Message and enum types that an expression can name. */
export const celRegistry = createRegistry(
  file_flow_flow,
  file_google_protobuf_wrappers,
  file_google_protobuf_timestamp,
  file_google_protobuf_duration,
  file_google_protobuf_struct,
);

const typeNames: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'dyn',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
]);

/** What a name stands for. */
export type CelName =
  | { readonly kind: 'flow'; readonly type: CelType }
  | { readonly kind: 'constant'; readonly value: bigint }
  | { readonly kind: 'typeName'; readonly name: string; readonly type: CelType };

/** A name as it can be meant, in the order in which it is looked for: `a.b` is `flow.a.b` or `a.b`, `.a.b` only `a.b`. */
function candidates(name: string): string[] {
  return name.startsWith('.') ? [name.slice(1)] : [`${CONTAINER}.${name}`, name];
}

function enumValue(name: string): bigint | undefined {
  const dot = name.lastIndexOf('.');
  const desc: DescEnum | undefined = dot < 0 ? undefined : celRegistry.getEnum(name.slice(0, dot));
  const value = desc?.values.find((candidate) => candidate.name === name.slice(dot + 1));
  return value === undefined ? undefined : BigInt(value.number);
}

/** What a name that is no variable of a comprehension stands for; undefined for nothing. */
export function resolveName(name: string): CelName | undefined {
  for (const candidate of candidates(name)) {
    if (candidate === FLOW_VARIABLE) return { kind: 'flow', type: FLOW_TYPE };
    const value = enumValue(candidate);
    if (value !== undefined) return { kind: 'constant', value };
    if (typeNames.has(candidate) || celRegistry.getMessage(candidate) !== undefined) {
      return { kind: 'typeName', name: candidate, type: TYPE };
    }
  }
  return undefined;
}

/** The message type that a literal `Name{…}` makes. */
export function resolveMessage(name: string): DescMessage | undefined {
  for (const candidate of candidates(name)) {
    const desc = celRegistry.getMessage(candidate);
    if (desc !== undefined) return desc;
  }
  return undefined;
}
