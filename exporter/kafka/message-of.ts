import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';

const BRACE = 0x7b;
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * The GetFlowsResponse in a record's value, encoded: protobuf as it stands, or JSON, told by its first character, which no message of protobuf begins with. Throws Error for JSON that is no response; what else
 * the bytes are is not looked at.
 */
export function messageOf(value: Buffer): Uint8Array {
  let first = 0;
  while (SPACES.has(value[first])) first++;
  if (value[first] !== BRACE) return value;
  const json = JSON.parse(value.toString()) as JsonValue;
  return toBinary(
    GetFlowsResponseSchema,
    fromJson(GetFlowsResponseSchema, json, { ignoreUnknownFields: true }),
  );
}
