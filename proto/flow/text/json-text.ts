import { createRegistry, type DescMessage, type Message, toJson } from '@bufbuild/protobuf';
import { file_google_protobuf_struct, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';
import { file_flow_flow } from '../../gen/flow/flow_pb.ts';

/** Types that an `Any` may hold and still be printed. */
const registry = createRegistry(file_flow_flow, file_google_protobuf_struct, file_google_protobuf_wrappers);

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/**
 * A message as one line of proto3 JSON with proto field names, defaults left out, and the characters escaped that Go's encoder escapes. Throws Error for what JSON
 * cannot hold, an impossible timestamp above all.
 */
export function messageJson(schema: DescMessage, message: Message, indent?: number): string {
  const json = toJson(schema, message, { useProtoFieldName: true, registry });
  return escapeJson(JSON.stringify(json, null, indent));
}

/** Escapes `<`, `>`, `&` and the line separators that JavaScript once choked on. */
export function escapeJson(text: string): string {
  return text.replace(/[<>&\u2028\u2029]/g, (character) => escapes[character]);
}
