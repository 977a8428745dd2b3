import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { type Flow, FlowSchema } from '../gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../gen/observer/observer_pb.ts';
import { frameMessage } from './frame.ts';

/** A path of a field mask that names no field of a flow. */
export class FieldMaskError extends Error {
  override readonly name = 'FieldMaskError';
}

/** Fields to keep by proto name; null keeps all of a field. */
type MaskTree = Map<string, MaskTree | null>;

function addPath(tree: MaskTree, desc: DescMessage, path: string): void {
  let node = tree;
  let message: DescMessage | undefined = desc;
  const names = path.split('.');
  for (const [i, name] of names.entries()) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    if (field === undefined) {
      throw new FieldMaskError(`invalid field mask path "${path}": flow.Flow has no field of that name`);
    }
    const isLast = i === names.length - 1;
    if (isLast) {
      node.set(name, null);
      return;
    }
    if (field.fieldKind !== 'message') {
      throw new FieldMaskError(
        `invalid field mask path "${path}": "${name}" has no fields of its own to choose from`,
      );
    }
    const present = node.get(name);
    if (present === null) return; // a parent that is kept whole wins
    const next: MaskTree = present ?? new Map<string, MaskTree | null>();
    node.set(name, next);
    node = next;
    message = field.message;
  }
}

function copyMasked(from: ReflectMessage, to: ReflectMessage, tree: MaskTree): void {
  for (const field of from.fields) {
    const sub = tree.get(field.name);
    if (sub === undefined || !from.isSet(field)) continue;
    if (sub === null) {
      to.set(field, from.get(field) as never);
    } else if (field.fieldKind === 'message') {
      const part = reflect(field.message, create(field.message) as Message);
      copyMasked(from.get(field), part, sub);
      to.set(field, part);
    }
  }
}

/**
 * Compiles the paths of a field mask (proto names below flow.Flow, joined by dots) into a function that turns one GetFlowsResponse into a frame with the
 * masked flow. The envelope keeps time and node name of the whole flow; messages that are no flow stay as they are; a message below which something
 * is chosen appears only when the flow has it. Returns null for no paths: the whole flow. Throws FieldMaskError.
 */
export function compileFieldMask(
  paths: readonly string[],
): ((bytes: Uint8Array, start: number, end: number) => Uint8Array) | null {
  if (paths.length === 0) return null;
  const tree: MaskTree = new Map<string, MaskTree | null>();
  for (const path of paths) addPath(tree, FlowSchema, path);
  return (bytes, start, end) => {
    const response = fromBinary(GetFlowsResponseSchema, bytes.subarray(start, end));
    if (response.responseTypes.case !== 'flow') return frameMessage(bytes.subarray(start, end));
    const masked: Flow = create(FlowSchema);
    copyMasked(reflect(FlowSchema, response.responseTypes.value), reflect(FlowSchema, masked), tree);
    response.responseTypes.value = masked;
    return frameMessage(toBinary(GetFlowsResponseSchema, response));
  };
}
