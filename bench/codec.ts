/** Encoding and reading one flow: by hand against protobuf-es, in CPU time of one thread. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { compileFieldMask } from '../proto/flow/field-mask.ts';
import { fieldPath } from '../proto/flow/field-path.ts';
import { compileFilter } from '../proto/flow/filter/compile-filter.ts';
import type { FlowRecord } from '../proto/flow/flow-record.ts';
import { FlowIndex, type TextMatch } from '../proto/flow/flow-index.ts';
import { FRAME_PREFIX_BYTES, frameMessage, FrameSplitter } from '../proto/flow/frame.ts';
import { createFlowPeek, peekFlow, withTimes } from '../proto/flow/peek-flow.ts';
import { FlowFilterSchema } from '../proto/gen/flow/flow_pb.ts';
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
  } while (cpuSeconds() - start < 0.08);
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

/** What a table of flows shows, or an exporter keeps. */
const numberPaths = [
  'verdict',
  'Type',
  'IP.ipVersion',
  'event_type.type',
  'event_type.sub_type',
  'traffic_direction',
  'trace_observation_point',
  'drop_reason_desc',
  'is_reply.value',
  'trace_reason',
  'interface.index',
  'source.ID',
  'source.identity',
  'destination.ID',
  'destination.identity',
  'l4.TCP.source_port',
  'l4.TCP.destination_port',
].map(fieldPath);
const textPaths = [
  'IP.source',
  'IP.destination',
  'source.namespace',
  'source.pod_name',
  'source.cluster_name',
  'destination.namespace',
  'destination.pod_name',
  'destination.cluster_name',
  'interface.name',
  'node_name',
  'uuid',
].map(fieldPath);

const isNotEmpty: TextMatch = (_bytes, start, end) => end > start;

/** Stream chunks as a socket gives them, cut without regard to frames. */
function chunksOf(frames: readonly Uint8Array[]): Uint8Array[] {
  const stream = Buffer.concat(frames.map(frameMessage));
  const size = 16 * 1024;
  return Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
    stream.subarray(i * size, (i + 1) * size),
  );
}

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
  const chunks = chunksOf(frames);
  const inits = frames.map((frame) => plainInit(fromBinary(GetFlowsResponseSchema, frame)));
  const peek = createFlowPeek();
  const index = new FlowIndex();
  const mask = compileFieldMask([
    'time',
    'source.pod_name',
    'destination.pod_name',
    'l4',
    'verdict',
    'Summary',
  ])!;
  let sink = 0;
  const indexed = (read: () => number) => (): void => {
    for (const frame of frames) {
      index.reset(frame, 0, frame.length);
      sink += read();
    }
  };
  const filtered = (filter: MessageInitShape<typeof FlowFilterSchema>): (() => void) => {
    const match = compileFilter(create(FlowFilterSchema, filter));
    return indexed(() => Number(match(index)));
  };
  const encoding = 'protobuf-es create + toBinary';
  const decoding = 'protobuf-es fromBinary';
  /** By name: the baseline, or null for one, and the work. */
  const cases: readonly (readonly [string, string | null, () => void])[] = [
    [
      `encode, ${encoding}`,
      null,
      () => {
        for (const init of inits)
          sink += toBinary(GetFlowsResponseSchema, create(GetFlowsResponseSchema, init)).length;
      },
    ],
    [
      'encode, ours',
      encoding,
      () => {
        for (const record of flows) sink += encoder.encode(record, out, 0);
      },
    ],
    [
      `decode, ${decoding}`,
      null,
      () => {
        for (const frame of frames) sink += fromBinary(GetFlowsResponseSchema, frame).nodeName.length;
      },
    ],
    [
      'peek time and node',
      decoding,
      () => {
        for (const frame of frames) {
          peekFlow(frame, 0, frame.length, peek);
          sink += peek.nanos;
        }
      },
    ],
    [
      'split 16 KiB chunks, peek times',
      decoding,
      () => {
        const splitter = new FrameSplitter();
        for (const chunk of chunks) {
          const run = splitter.push(chunk);
          if (run !== null) sink += withTimes(run).count;
        }
      },
    ],
    ['lazy index, nothing read', decoding, indexed(() => index.kind)],
    [
      'lazy index, 28 fields',
      decoding,
      indexed(() => {
        let seen = 0;
        for (const path of numberPaths) seen += index.int32(path);
        for (const path of textPaths) seen += Number(index.matchText(path, isNotEmpty));
        return seen;
      }),
    ],
    [
      'field mask, six fields',
      decoding,
      () => {
        for (const frame of frames) sink += mask(frame, 0, frame.length).length;
      },
    ],
    ['filter, verdict', decoding, filtered({ verdict: [2] })],
    ['filter, pod and port', decoding, filtered({ destinationPod: ['team-1/'], destinationPort: ['8080'] })],
    ['filter, label', decoding, filtered({ sourceLabel: ['k8s:app=app-7'] })],
  ];
  const times = cases.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, , work]] of cases.entries()) times[i].push(nsPerFlow(work));
  }
  const nsOf = new Map(cases.map(([name], i) => [name, median(times[i])]));
  const row = { bench: 'codec', metric: 'CPU per flow', unit: 'ns' };
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length;
  report({ ...row, case: 'flow', metric: 'mean size', value: bytes, unit: 'B', baseline: null, ratio: null });
  for (const [name, baseline] of cases) {
    const value = nsOf.get(name) ?? Number.NaN;
    const compared =
      nsOf.get(baseline === encoding ? `encode, ${encoding}` : `decode, ${decoding}`) ?? Number.NaN;
    report({ ...row, case: name, value, baseline, ratio: baseline === null ? null : value / compared });
  }
  if (sink === 0) throw new Error('nothing was measured');
};
