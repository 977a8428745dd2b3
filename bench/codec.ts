/** Encoding and reading one flow: by hand against protobuf-es, in CPU time of one thread. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { type FlowRecord } from '../proto/flow/flow-record.ts';
import { fieldPath } from '../proto/flow/field-path.ts';
import { FlowIndex } from '../proto/flow/flow-index.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { createFlowPeek, peekFlow } from '../proto/flow/peek-flow.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { cpuSeconds, median, type Bench } from './report.ts';
import { sampleEndpoint, sampleRecord } from './support/sample-flows.ts';

const FLOWS = 4096;
const ROUNDS = 9;

function nsPerFlow(work: () => void): number {
  const start = cpuSeconds();
  let passes = 0;
  do {
    work();
    passes++;
  } while (cpuSeconds() - start < 0.15);
  return ((cpuSeconds() - start) * 1e9) / (passes * FLOWS);
}

function records(): FlowRecord[] {
  const endpoints = Array.from({ length: 512 }, (_, i) => sampleEndpoint(i));
  return Array.from({ length: FLOWS }, (_, i) => {
    const record = sampleRecord(i);
    record.source = endpoints[i % 512];
    record.destination = endpoints[(i * 7 + 1) % 512];
    return record;
  });
}

/** A fresh init object of the same flow, as code on top of protobuf-es would build it: nested plain objects, no cached parts. */
function plainInit(message: GetFlowsResponse): object {
  const flow = message.responseTypes.value as unknown as Record<string, unknown>;
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => key !== '$typeName')
        .map(([key, inner]) => [key, strip(inner)]),
    );
  };
  return {
    responseTypes: { case: 'flow', value: strip(flow) },
    nodeName: message.nodeName,
    time: strip(message.time),
  };
}

const verdict = fieldPath('verdict');
const namespace = fieldPath('destination.namespace');
const podName = fieldPath('destination.pod_name');
const port = fieldPath('l4.TCP.destination_port');

export const run: Bench = async (report) => {
  const flows = records();
  const encoder = new FlowEncoder({
    nodeName: 'east/node1',
    nodeLabels: ['kubernetes.io/os=linux'],
    emitter: { name: 'Sluice', version: '0.1.0' },
    seed: Uint32Array.of(1, 2, 3, 4),
  });
  const out = new Uint8Array(4096);
  const frames = flows.map((record) => out.slice(FRAME_PREFIX_BYTES, encoder.encode(record, out, 0)));
  const inits = frames.map((frame) => plainInit(fromBinary(GetFlowsResponseSchema, frame)));
  const peek = createFlowPeek();
  const index = new FlowIndex();
  let sink = 0;
  const cases = {
    encodeOurs: () => {
      for (const record of flows) sink += encoder.encode(record, out, 0);
    },
    encodeEs: () => {
      for (const init of inits)
        sink += toBinary(GetFlowsResponseSchema, create(GetFlowsResponseSchema, init)).length;
    },
    decodeEs: () => {
      for (const frame of frames) sink += fromBinary(GetFlowsResponseSchema, frame).nodeName.length;
    },
    peek: () => {
      for (const frame of frames) {
        peekFlow(frame, 0, frame.length, peek);
        sink += peek.nanos;
      }
    },
    indexFour: () => {
      for (const frame of frames) {
        index.reset(frame, 0, frame.length);
        sink += index.int32(verdict) + index.text(namespace).length + index.text(podName).length;
        sink += index.uint32(port);
      }
    },
  };
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, work] of Object.entries(cases)) times[name].push(nsPerFlow(work));
  }
  const ns = (name: keyof typeof cases): number => median(times[name]);
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length;
  const row = (name: string, value: number, baseline: string | null, ratio: number | null): void =>
    report({ bench: 'codec', case: name, metric: 'CPU per flow', value, unit: 'ns', baseline, ratio });
  report({
    bench: 'codec',
    case: 'flow',
    metric: 'mean size',
    value: bytes,
    unit: 'B',
    baseline: null,
    ratio: null,
  });
  row('encode, protobuf-es create + toBinary', ns('encodeEs'), null, null);
  row('encode, ours', ns('encodeOurs'), 'protobuf-es', ns('encodeOurs') / ns('encodeEs'));
  row('decode, protobuf-es fromBinary', ns('decodeEs'), null, null);
  row('peek time and node', ns('peek'), 'protobuf-es', ns('peek') / ns('decodeEs'));
  row('lazy index, five fields', ns('indexFour'), 'protobuf-es', ns('indexFour') / ns('decodeEs'));
  if (sink === 0) throw new Error('nothing was measured');
};
