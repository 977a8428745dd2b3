import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { FlowSchema } from '../gen/flow/flow_pb.ts';

/** A field of a flow as FlowIndex takes it: up to four field numbers of a path, a byte each, the last lowest. Made by `fieldPath`. */
export type FieldPath = number & { readonly fieldPath: true };

/** Fields of `Flow` from this number on (policy lists, Summary, extensions) cannot be asked for: it keeps the index small. */
export const FLOW_FIELDS_LIMIT = 42;

/** Numbers above this do not fit into a path. */
const MAX_NUMBER = 255;

/**
 * The field with these proto names below `flow.Flow`, joined by dots as in a field mask: `verdict`, `source.pod_name`, `l4.TCP.flags`. A repeated field may only
 * come last. Throws RangeError for a path that does not exist or cannot be indexed; meant to be called when a module is loaded.
 */
export function fieldPath(names: string): FieldPath {
  let message: DescMessage | undefined = FlowSchema;
  let path = 0;
  for (const name of names.split('.')) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    const limit = message === FlowSchema ? FLOW_FIELDS_LIMIT : MAX_NUMBER + 1;
    if (field === undefined || field.number >= limit || path > 0xffffff) {
      throw new RangeError(`flow field "${names}": no "${name}" that can be indexed`);
    }
    path = path * 256 + field.number;
    message = field.fieldKind === 'message' ? field.message : undefined;
  }
  return path as FieldPath;
}

/** The message that holds the field: the path without its last number, 0 for the flow itself. */
export function parentOf(path: number): number {
  return path >>> 8;
}

/** The number of the field in the message that holds it. */
export function numberOf(path: number): number {
  return path & 255;
}

/** The schema of the message at a path; `Flow` for 0. Throws RangeError when no message stands there. */
export function messageAt(path: number): DescMessage {
  if (path === 0) return FlowSchema;
  const field = messageAt(parentOf(path)).fields.find((candidate) => candidate.number === numberOf(path));
  if (field?.fieldKind !== 'message') throw new RangeError(`flow field path ${path} is no message`);
  return field.message;
}
