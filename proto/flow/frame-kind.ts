import { FRAME_PREFIX_BYTES } from './frame.ts';

/** Tag of GetFlowsResponse.flow. Encoders write fields in the order of their numbers, and the members of the oneof have the lowest. */
const FLOW_TAG = 0x0a;

/** Whether the frame at `offset` holds a flow, and no notice of loss or of a node's state: told by one byte. */
export function isFlowFrame(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset + FRAME_PREFIX_BYTES] === FLOW_TAG;
}
