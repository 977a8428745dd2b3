/** Counting flows by keys: over the lazy index against decoding and counting by joined strings, in CPU time of one thread; and merging rows. */
import { fromBinary } from '@bufbuild/protobuf';
import { addRows, decodeRows } from '../proto/flow/aggregate/decode-rows.ts';
import { encodeRows } from '../proto/flow/aggregate/encode-rows.ts';
import { FlowAggregator } from '../proto/flow/aggregate/flow-aggregator.ts';
import { keyOfName } from '../proto/flow/aggregate/group-keys.ts';
import { FLOWS } from '../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../proto/flow/aggregate/row-table.ts';
import { FlowEncoder } from '../proto/flow/encode-flow.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { createFlowPeek, peekFlow } from '../proto/flow/peek-flow.ts';
import type { Flow } from '../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { type Bench, cpuSeconds, median } from './report.ts';
import { sampleEndpoint, sampleRecord } from './support/sample-flows.ts';

const MESSAGES = 4096;
const ROUNDS = 7;
const ROUND_SECONDS = 0.06;

/** One way of grouping, and how somebody would write it over decoded messages. */
interface Grouping {
  readonly keys: readonly string[];
  readonly plain: (flow: Flow) => string;
}

const portOf = (flow: Flow): number =>
  flow.l4?.protocol.case === 'TCP' ? flow.l4.protocol.value.destinationPort : 0;

const groupings: readonly Grouping[] = [
  { keys: ['verdict'], plain: (flow) => String(flow.verdict) },
  {
    keys: ['source-namespace', 'destination-namespace'],
    plain: ({ source, destination }) => `${source?.namespace}\0${destination?.namespace}`,
  },
  {
    keys: ['source', 'destination-port'],
    plain: (flow) => `${flow.source?.namespace}/${flow.source?.podName}\0${portOf(flow)}`,
  },
  {
    keys: ['source-workload', 'destination-workload', 'destination-port', 'verdict'],
    plain: (flow) =>
      [
        `${flow.source?.namespace}/${flow.source?.workloads[0]?.name}`,
        `${flow.destination?.namespace}/${flow.destination?.workloads[0]?.name}`,
        portOf(flow),
        flow.verdict,
      ].join('\0'),
  },
];

function messages(): Uint8Array[] {
  const endpoints = Array.from({ length: 512 }, (_, i) => sampleEndpoint(i));
  const encoder = new FlowEncoder({
    nodeName: 'east/node1',
    nodeLabels: ['kubernetes.io/os=linux'],
    emitter: { name: 'Sluice', version: '0.1.0' },
    seed: Uint32Array.of(1, 2, 3, 4),
  });
  const out = new Uint8Array(4096);
  return Array.from({ length: MESSAGES }, (_, i) => {
    const record = sampleRecord(i);
    record.source = endpoints[i % 512];
    record.destination = endpoints[(i * 7 + 1) % 512];
    return out.slice(FRAME_PREFIX_BYTES, encoder.encode(record, out, 0));
  });
}

/** CPU nanoseconds for each of the `units` that one pass of `work` deals with. */
function nsPerUnit(work: () => void, units: number): number {
  const start = cpuSeconds();
  let passes = 0;
  do {
    work();
    passes++;
  } while (cpuSeconds() - start < ROUND_SECONDS);
  return ((cpuSeconds() - start) * 1e9) / (passes * units);
}

function newTable(keyCount: number): RowTable {
  return new RowTable({ keyCount, maxRows: 65_536, rankBy: FLOWS });
}

function countLazily(list: readonly Uint8Array[], keys: readonly string[]): () => RowTable {
  const table = newTable(keys.length);
  const aggregator = new FlowAggregator(
    keys.map((name) => keyOfName(name)!),
    table,
  );
  return () => {
    table.clear();
    for (const message of list) aggregator.add(message, 0, message.length);
    return table;
  };
}

function countDecoded(list: readonly Uint8Array[], plain: Grouping['plain']): () => Map<string, number[]> {
  return () => {
    const rows = new Map<string, number[]>();
    for (const message of list) {
      const { responseTypes } = fromBinary(GetFlowsResponseSchema, message);
      if (responseTypes.case !== 'flow') continue;
      const key = plain(responseTypes.value);
      let row = rows.get(key);
      if (row === undefined) rows.set(key, (row = [0, 0]));
      row[0]++;
      if (responseTypes.value.verdict === 2) row[1]++;
    }
    return rows;
  };
}

export const run: Bench = async (report) => {
  const list = messages();
  const decoded = 'protobuf-es fromBinary + Map of joined strings';
  for (const { keys, plain } of groupings) {
    const lazily = countLazily(list, keys);
    const plainly = countDecoded(list, plain);
    if (lazily().rowCount !== plainly().size) {
      throw new Error(`${keys.join(', ')}: ${lazily().rowCount} rows and ${plainly().size} of the baseline`);
    }
    const times = Array.from({ length: ROUNDS }, () => ({
      baseline: nsPerUnit(plainly, MESSAGES),
      ours: nsPerUnit(lazily, MESSAGES),
    }));
    const baseline = median(times.map(({ baseline }) => baseline));
    const ours = median(times.map(({ ours }) => ours));
    const row = { bench: 'aggregate', metric: 'CPU per flow', unit: 'ns' };
    const name = keys.join(', ');
    report({ ...row, case: `${name}, decoded`, value: baseline, baseline: null, ratio: null });
    report({ ...row, case: name, value: ours, baseline: decoded, ratio: ours / baseline });
  }
  reportMerging(list, report);
};

/** What rows cost a relay: taking them apart and adding them, and writing them; each against doing the same to the flows. */
function reportMerging(list: readonly Uint8Array[], report: Parameters<Bench>[0]): void {
  const { keys } = groupings[3];
  const count = countLazily(list, keys);
  const table = count();
  const rows = table.rowCount;
  const frames = encodeRows({ table, maxRows: 65_536, elapsedUs: 1 });
  const peek = createFlowPeek();
  const into = newTable(keys.length);
  const merge = (): void => {
    into.clear();
    for (const frame of frames) {
      peekFlow(frame, FRAME_PREFIX_BYTES, frame.length, peek);
      addRows(into, decodeRows(frame, peek.memberStart, peek.memberEnd, keys.length));
    }
  };
  const encode = (): number => encodeRows({ table, maxRows: 65_536, elapsedUs: 1 }).length;
  const times = Array.from({ length: ROUNDS }, () => [
    nsPerUnit(count, MESSAGES),
    nsPerUnit(merge, rows),
    nsPerUnit(encode, rows),
  ]);
  const [perFlow, perMerged, perEncoded] = [0, 1, 2].map((i) => median(times.map((round) => round[i])));
  const row = { bench: 'aggregate', metric: 'CPU per row', unit: 'ns', baseline: 'counting a flow' };
  report({ ...row, case: 'decode and add rows', value: perMerged, ratio: perMerged / perFlow });
  report({ ...row, case: 'encode rows', value: perEncoded, ratio: perEncoded / perFlow });
  const rowBytes = frames.reduce((sum, { length }) => sum + length, 0) / rows;
  const flowBytes = list.reduce((sum, { length }) => sum + length, 0) / list.length;
  report({
    ...row,
    case: 'a row on the wire',
    metric: 'mean size',
    unit: 'B',
    value: rowBytes,
    baseline: 'a flow',
    ratio: rowBytes / flowBytes,
  });
}
