import { fromBinary } from '@bufbuild/protobuf';
import { messageJson } from '../../proto/flow/text/json-text.ts';
import type { Flow } from '../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { wordText } from '../filter/filter-words.ts';
import type { FlowRing } from './flow-ring.ts';
import { flowTimeMs } from './flow-columns.ts';

/** A response as `sluice observe -o json` prints it, without the line break. */
export function responseJson(response: GetFlowsResponse): string {
  return messageJson(GetFlowsResponseSchema, response);
}

/** The rows of the ring as JSON lines, oldest first: a file that `sluice observe --input-file` reads. */
export function ringJson(ring: FlowRing): string {
  const lines: string[] = [];
  for (let seq = ring.first; seq < ring.end; seq++) {
    lines.push(responseJson(fromBinary(GetFlowsResponseSchema, ring.message(seq))));
  }
  return lines.map((line) => `${line}\n`).join('');
}

const AROUND_MS = 1000;

/** The command that shows this flow on a terminal. */
export function flowCommand(flow: Flow, server: string): string {
  const ms = flowTimeMs(flow);
  const time = (at: number): string => new Date(at).toISOString();
  const span = ms === 0 ? '--all' : `--since ${time(ms - AROUND_MS)} --until ${time(ms + AROUND_MS)}`;
  const word = wordText({ flag: 'uuid', value: flow.uuid, isNot: false });
  return `sluice observe ${span} ${word} -o dict --server ${server}`;
}

/** Every field that a message has, as `source.pod_name` and its text, in the order of the schema. */
export function fieldsOf(json: string): (readonly [path: string, text: string])[] {
  const fields: (readonly [string, string])[] = [];
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
      fields.push([path, value.join(', ')]);
    else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) walk(inner, path === '' ? name : `${path}.${name}`);
    } else fields.push([path, String(value)]);
  };
  walk(JSON.parse(json), '');
  return fields;
}
