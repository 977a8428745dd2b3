import { fieldPath } from '../../proto/flow/field-path.ts';
import { FlowIndex } from '../../proto/flow/flow-index.ts';

const path = fieldPath('uuid');
const index = new FlowIndex();

/** The uuid of an encoded GetFlowsResponse. Throws WireError when it is none. */
export function uuidOf(message: Uint8Array): string {
  index.reset(message, 0, message.length);
  return index.text(path);
}
