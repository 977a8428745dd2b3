import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { FlowSchema } from '../gen/flow/flow_pb.ts';
import { FRAME_PREFIX_BYTES, putFramePrefix } from './frame.ts';
import { closeLength, putVarint, varintSize, WireCursor, WIRE_BYTES } from './wire.ts';

/** A path of a field mask that names no field of a flow. */
export class FieldMaskError extends Error {
  override readonly name = 'FieldMaskError';
}

/** Fields to keep by number; null keeps all of a field. */
type MaskTree = Map<number, MaskTree | null>;

/** Field of a GetFlowsResponse that holds the flow. */
const FLOW_FIELD = 1;
/** Masked frames are written one behind the other into blocks of this size. */
const BLOCK_BYTES = 64 * 1024;

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
      node.set(field.number, null);
      return;
    }
    if (field.fieldKind !== 'message') {
      throw new FieldMaskError(
        `invalid field mask path "${path}": "${name}" has no fields of its own to choose from`,
      );
    }
    const present = node.get(field.number);
    if (present === null) return; // a parent that is kept whole wins
    const next: MaskTree = present ?? new Map<number, MaskTree | null>();
    node.set(field.number, next);
    node = next;
    message = field.message;
  }
}

/** Copies messages as far as a mask goes, from bytes to bytes. */
class MaskedCopy {
  private readonly cursor = new WireCursor();
  private readonly envelope: MaskTree;
  private out = new Uint8Array(0);
  private used = 0;

  /** @param flow what to keep of a flow */
  constructor(flow: MaskTree) {
    this.envelope = new Map([[FLOW_FIELD, flow]]);
  }

  /** The frame of what is kept of the GetFlowsResponse at `bytes[start, end)`: of a flow in it what the mask names, of the rest everything. */
  frame(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const { cursor, envelope } = this;
    cursor.reset(bytes, start, end);
    // What is kept is never longer than what was there.
    const room = FRAME_PREFIX_BYTES + end - start;
    if (this.used + room > this.out.length) {
      this.out = new Uint8Array(Math.max(BLOCK_BYTES, room));
      this.used = 0;
    }
    const { out, used } = this;
    const message = used + FRAME_PREFIX_BYTES;
    const messageEnd = this.copy(envelope, end, message);
    putFramePrefix(out, used, messageEnd - message);
    this.used = messageEnd;
    return out.subarray(used, messageEnd);
  }

  /** Copies from the cursor to `end` what is kept, to `pos`. Returns the next position; the cursor stands at `end`. */
  private copy(tree: MaskTree, end: number, pos: number): number {
    const { cursor, out } = this;
    const { bytes } = cursor;
    while (cursor.pos < end) {
      const from = cursor.pos;
      const tag = cursor.tag();
      let kept = tree.get(tag >>> 3);
      if (kept === undefined && tree === this.envelope) kept = null;
      if (kept === undefined || (kept !== null && (tag & 7) !== WIRE_BYTES)) {
        cursor.skip(tag);
      } else if (kept === null) {
        cursor.skip(tag);
        out.set(bytes.subarray(from, cursor.pos), pos);
        pos += cursor.pos - from;
      } else {
        const length = cursor.length();
        const reserved = varintSize(length);
        const start = putVarint(out, pos, tag) + reserved;
        const parentEnd = cursor.end;
        cursor.end = cursor.pos + length;
        const contentEnd = this.copy(kept, cursor.end, start);
        cursor.end = parentEnd;
        pos = closeLength(out, start, contentEnd, reserved);
      }
    }
    return pos;
  }
}

/**
 * Compiles the paths of a field mask (proto names below flow.Flow, joined by dots) into a function that turns one GetFlowsResponse into a frame with the
 * masked flow. The envelope keeps time and node name of the whole flow; messages that are no flow stay as they are; a message below which something
 * is chosen appears only when the flow has it. Nothing is decoded: what is kept is copied as it stands. The function throws WireError for bytes that are no message.
 * Returns null for no paths: the whole flow. Throws FieldMaskError.
 */
export function compileFieldMask(
  paths: readonly string[],
): ((bytes: Uint8Array, start: number, end: number) => Uint8Array) | null {
  if (paths.length === 0) return null;
  const tree: MaskTree = new Map<number, MaskTree | null>();
  for (const path of paths) addPath(tree, FlowSchema, path);
  const copy = new MaskedCopy(tree);
  return (bytes, start, end) => copy.frame(bytes, start, end);
}
