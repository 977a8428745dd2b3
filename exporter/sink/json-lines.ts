import { JsonBytes } from '../../proto/flow/json/json-bytes.ts';
import { JsonWriter } from '../../proto/flow/json/json-writer.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { MessageList, Reject } from './sink.ts';

const LINE_BREAK = 0x0a;

/** What became of a list: a line for each message that is no reject, in order. */
export interface JsonList {
  /** The lines, each with its line break: a view that is good until the next list is made. */
  readonly bytes: Buffer;
  /** Where each line ends, behind its line break, by the place of its message; that of the line before for a reject. */
  readonly ends: Uint32Array;
  readonly rejects: readonly Reject[];
}

/** Makes JSON lines of messages as Hubble's exporter writes them (observer.ExportEvent, which has the fields of a GetFlowsResponse). */
export class JsonLines {
  private readonly writer = new JsonWriter(GetFlowsResponseSchema);
  private readonly out = new JsonBytes();

  make({ bytes, count, starts, ends }: MessageList): JsonList {
    const { out, writer } = this;
    const lineEnds = new Uint32Array(count);
    const rejects: Reject[] = [];
    out.at = 0;
    for (let index = 0; index < count; index++) {
      try {
        writer.write(bytes, starts[index], ends[index], out);
        out.reserve(1);
        out.putByte(LINE_BREAK);
      } catch (error) {
        rejects.push({ index, cause: 'malformed', reason: (error as Error).message });
      }
      lineEnds[index] = out.at;
    }
    return { bytes: Buffer.from(out.bytes.buffer, 0, out.at), ends: lineEnds, rejects };
  }
}
