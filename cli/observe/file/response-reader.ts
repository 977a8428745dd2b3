import { createRegistry, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { file_google_protobuf_struct, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';
import { isUtf8 } from 'node:buffer';
import { JsonTranscoder } from '../../../proto/flow/text/json-transcoder.ts';
import { file_flow_flow } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { logLine } from '../../../rpc/log.ts';
import { MAX_LINE_BYTES } from './line-splitter.ts';

/** Types that an `Any` may hold and still be read. */
const registry = createRegistry(file_flow_flow, file_google_protobuf_struct, file_google_protobuf_wrappers);

/** Reads responses in JSON into the wire format; tells about what cannot be read, and only once about fields that this version does not know. */
export class ResponseReader {
  /** The message that was read last: the first `length` bytes, until the next is read. */
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;
  private readonly transcoder = new JsonTranscoder(GetFlowsResponseSchema, MAX_LINE_BYTES);
  private readonly utf8 = new TextDecoder();
  private readonly tell: (text: string) => void;
  private ignoreUnknownFields = false;

  constructor(tell: (text: string) => void) {
    this.tell = tell;
  }

  /** Reads the line `bytes[start, end)` with its line break behind it; false for one that is no response. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const { transcoder } = this;
    const length = transcoder.transcode(bytes, start, end);
    if (length >= 0 && (!transcoder.hasHighBytes || isUtf8(bytes.subarray(start, end)))) {
      this.bytes = transcoder.out;
      this.length = length;
      return true;
    }
    return this.decode(this.utf8.decode(bytes.subarray(start, end)));
  }

  /** Reads everything that JSON allows, at some ten times the cost. */
  private decode(line: string): boolean {
    try {
      this.parse(line);
      return true;
    } catch (error) {
      if (!this.ignoreUnknownFields) {
        this.ignoreUnknownFields = true;
        try {
          this.parse(line);
          this.tell(logLine('warn', 'unknown fields are ignored', { error: (error as Error).message }));
          return true;
        } catch {
          this.ignoreUnknownFields = false; // the line had another fault
        }
      }
      this.tell(logLine('warn', 'line ignored', { error: (error as Error).message, line }));
      return false;
    }
  }

  private parse(line: string): void {
    const response = fromJson(GetFlowsResponseSchema, JSON.parse(line) as JsonValue, {
      registry,
      ignoreUnknownFields: this.ignoreUnknownFields,
    });
    this.bytes = toBinary(GetFlowsResponseSchema, response);
    this.length = this.bytes.length;
  }
}
