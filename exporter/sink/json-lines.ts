import { fromBinary } from '@bufbuild/protobuf';
import { messageJson } from '../../proto/flow/text/json-text.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { MessageList, Reject } from './sink.ts';

/**
 * The JSON of each message, as Hubble's exporter writes it (observer.ExportEvent, which has the fields of a GetFlowsResponse): null for one that has none, for which there is a reject.
 */
export function jsonOf({ bytes, count, starts, ends }: MessageList): {
  readonly texts: readonly (string | null)[];
  readonly rejects: readonly Reject[];
} {
  const texts: (string | null)[] = [];
  const rejects: Reject[] = [];
  for (let index = 0; index < count; index++) {
    try {
      const response = fromBinary(GetFlowsResponseSchema, bytes.subarray(starts[index], ends[index]));
      texts.push(messageJson(GetFlowsResponseSchema, response));
    } catch (error) {
      texts.push(null);
      rejects.push({ index, cause: 'malformed', reason: (error as Error).message });
    }
  }
  return { texts, rejects };
}

/** The same as lines of a file. */
export function jsonLines(messages: MessageList): {
  readonly text: string;
  readonly rejects: readonly Reject[];
} {
  const { texts, rejects } = jsonOf(messages);
  let text = '';
  for (const line of texts) if (line !== null) text += `${line}\n`;
  return { text, rejects };
}
