/** Flows as JSON lines: from the wire format against by way of decoded messages, in CPU time of one thread. */
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { JsonBytes } from '../proto/flow/json/json-bytes.ts';
import { JsonWriter } from '../proto/flow/json/json-writer.ts';
import { messageJson } from '../proto/flow/text/json-text.ts';
import { GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { type Bench, cpuSeconds, median } from './report.ts';
import { sampleEndpoint, sampleRecord } from './support/sample-flows.ts';

const FLOWS = 4096;
const ROUNDS = 7;
/** Pods at the ends of the flows: few of them are at both ends of what comes next. */
const PODS = 3000;

function encodedFlows(): Uint8Array[] {
  const endpoints = Array.from({ length: PODS }, (_, i) => sampleEndpoint(i));
  const encoder = new FlowEncoder({
    nodeName: 'east/node1',
    nodeLabels: ['kubernetes.io/os=linux'],
    emitter: { name: 'Sluice', version: '0.1.0' },
    seed: Uint32Array.of(1, 2, 3, 4),
  });
  const out = new Uint8Array(4096);
  return Array.from({ length: FLOWS }, (_, i) => {
    const record = sampleRecord(i);
    record.source = endpoints[(i * 11) % PODS];
    record.destination = endpoints[(i * 7 + 1) % PODS];
    return out.slice(FRAME_PREFIX_BYTES, encoder.encode(record, out, 0));
  });
}

function nsPerFlow(work: () => void): number {
  const start = cpuSeconds();
  let passes = 0;
  do {
    work();
    passes++;
  } while (cpuSeconds() - start < 0.15);
  return ((cpuSeconds() - start) * 1e9) / (passes * FLOWS);
}

export const run: Bench = async (report) => {
  const flows = encodedFlows();
  // One behind the other, as records have them.
  const bytes = Buffer.concat(flows);
  let end = 0;
  const messages = flows.map(({ length }) => bytes.subarray(end, (end += length)));
  const writer = new JsonWriter(GetFlowsResponseSchema);
  const out = new JsonBytes();
  let sink = 0;
  const each = (work: (message: Uint8Array) => number) => (): void => {
    for (const message of messages) sink += work(message);
  };
  const eachPlace = (work: (start: number, end: number) => number) => (): void => {
    for (let i = 0, start = 0; i < FLOWS; i++) {
      const next = start + flows[i].length;
      sink += work(start, next);
      start = next;
    }
  };
  const decoding = 'fromBinary, messageJson, to bytes';
  const cases: readonly (readonly [string, () => void])[] = [
    [
      'protobuf-es: fromBinary, toJson, JSON.stringify, to bytes',
      each((message) => {
        const response = fromBinary(GetFlowsResponseSchema, message);
        const json = toJson(GetFlowsResponseSchema, response, { useProtoFieldName: true });
        return Buffer.from(JSON.stringify(json)).length;
      }),
    ],
    [
      decoding,
      each(
        (message) =>
          Buffer.from(messageJson(GetFlowsResponseSchema, fromBinary(GetFlowsResponseSchema, message)))
            .length,
      ),
    ],
    [
      'from the wire format, to bytes',
      eachPlace((from, to) => {
        out.at = 0;
        writer.write(bytes, from, to, out);
        return out.at;
      }),
    ],
    ['from the wire format, to text', eachPlace((from, to) => writer.text(bytes, from, to).length)],
  ];
  const times = cases.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, work]] of cases.entries()) times[i].push(nsPerFlow(work));
  }
  const baseline = median(times[1]);
  for (const [i, [name]] of cases.entries()) {
    const value = median(times[i]);
    const compared = i === 1 ? null : decoding;
    report({
      bench: 'json',
      case: name,
      metric: 'CPU per flow',
      value,
      unit: 'ns',
      baseline: compared,
      ratio: compared === null ? null : value / baseline,
    });
  }
  if (sink === 0) throw new Error('nothing was measured');
};
