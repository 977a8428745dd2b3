import { toBinary } from '@bufbuild/protobuf';
import { putVarint } from '../../../proto/flow/wire.ts';
import { FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';
import type { FlowClass } from '../format/flow-class.ts';
import { flowOfClass } from './flow-of-class.ts';

/** Tag of GetFlowsResponse.flow. */
const FLOW_TAG = 0x0a;
/** Tags of Flow.IP, and of its fields source and destination. */
const IP_TAG = 0x2a;
const IP_ENDS = { sourceIp: 0x0a, destinationIp: 0x12 } as const;

/** A GetFlowsResponse with the flow that some fields, given as encoded pieces of a Flow, make. */
export function responseOf(...pieces: readonly Uint8Array[]): Uint8Array {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const head = new Uint8Array(6);
  head[0] = FLOW_TAG;
  const headLength = putVarint(head, 1, length);
  return Buffer.concat([head.subarray(0, headLength), ...pieces]);
}

/** The bytes of GetFlowsResponse.time, to be put behind a response. */
export function timePiece(timeUs: number): Uint8Array {
  const seconds = Math.floor(timeUs / 1e6);
  const content = new Uint8Array(20);
  content[0] = 0x08;
  let end = putVarint(content, 1, seconds);
  content[end++] = 0x10;
  end = putVarint(content, end, Math.round(timeUs - seconds * 1e6) * 1000);
  return Buffer.concat([Uint8Array.of(0xca, 0x3e, end), content.subarray(0, end)]);
}

/** The part of a Flow that is an address at one end, the text being given as bytes. */
export function addressPiece(end: keyof typeof IP_ENDS, text: Uint8Array): Uint8Array {
  const field = fieldBytes(IP_ENDS[end], text);
  return fieldBytes(IP_TAG, field);
}

function fieldBytes(tag: number, content: Uint8Array): Uint8Array {
  const head = new Uint8Array(6);
  head[0] = tag;
  const headLength = putVarint(head, 1, content.length);
  return Buffer.concat([head.subarray(0, headLength), content]);
}

/** The part of a Flow that its class, addresses and ports make. */
export function classPiece(flowClass: FlowClass, ends: Parameters<typeof flowOfClass>[1] = {}): Uint8Array {
  return toBinary(FlowSchema, flowOfClass(flowClass, ends));
}
