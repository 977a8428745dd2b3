/** `observe --input-file`: filtering and counting flows in JSON, against decoding each with protobuf-es, in CPU time over the same file. */
import { create, fromBinary, fromJson, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readFlowFile } from '../cli/observe/input-file.ts';
import { messageJson } from '../proto/flow/text/json-text.ts';
import {
  EndpointSchema,
  type FlowFilter,
  FlowFilterSchema,
  type FlowSchema,
  Verdict,
} from '../proto/gen/flow/flow_pb.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { type Bench, cpuSeconds, median } from './report.ts';
import { sampleEndpoint } from './support/sample-flows.ts';

const FLOWS = 30_000;
const ROUNDS = 5;
/** Rounds before measuring: files of the size that this is for keep the compiled code busy for long. */
const WARM_UP_ROUNDS = 3;

/** Flows as an agent of a fleet tells them, a line each; every tenth was dropped. */
function writeFlows(path: string): void {
  const endpoints = Array.from({ length: 512 }, (_, i) => fromBinary(EndpointSchema, sampleEndpoint(i)));
  const lines = Array.from({ length: FLOWS }, (_, i) => {
    const time = create(TimestampSchema, {
      seconds: BigInt(1_795_000_000 + Math.floor(i / 1000)),
      nanos: (i % 1000) * 1_000_000 + 123_457,
    });
    const nodeName = `east/node-${i % 8}`;
    const flow: MessageInitShape<typeof FlowSchema> = {
      time,
      nodeName,
      uuid: `c0ffee00-1234-4abc-8def-${String(i).padStart(12, '0')}`,
      verdict: i % 10 === 0 ? Verdict.DROPPED : Verdict.FORWARDED,
      ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
      IP: { source: `10.1.${i % 250}.7`, destination: '10.2.0.9', ipVersion: 1 },
      l4: {
        protocol: {
          case: 'TCP',
          value: { sourcePort: 32_768 + (i % 28_000), destinationPort: 8080, flags: { SYN: true } },
        },
      },
      source: endpoints[i % 512],
      destination: endpoints[(i * 7 + 1) % 512],
      Type: 1,
      isReply: i % 2 === 0,
      eventType: { type: 4, subType: i % 2 === 0 ? 0 : 11 },
      trafficDirection: i % 2 === 0 ? 1 : 2,
      traceObservationPoint: 101,
      traceReason: 1,
      interface: { index: 10 + (i % 40), name: `veth${i % 40}` },
      Summary: 'TCP Flags: SYN',
    };
    const response = create(GetFlowsResponseSchema, {
      time,
      nodeName,
      responseTypes: { case: 'flow', value: flow },
    });
    return `${messageJson(GetFlowsResponseSchema, response)}\n`;
  });
  writeFileSync(path, lines.join(''));
}

async function countFast(path: string, filter: FlowFilter): Promise<number> {
  let count = 0;
  await readFlowFile(path, create(GetFlowsRequestSchema, { whitelist: [filter] }), {
    silent: false,
    take: () => count++,
    afterChunk: () => true,
  });
  return count;
}

async function countByDecoding(path: string): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const { responseTypes } = fromJson(GetFlowsResponseSchema, JSON.parse(line) as JsonValue);
    if (responseTypes.case === 'flow' && responseTypes.value.verdict === Verdict.DROPPED) count++;
  }
  return count;
}

/** Nanoseconds of CPU for each flow. */
async function cost(count: () => Promise<number>): Promise<number> {
  const rounds: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const start = cpuSeconds();
    const found = await count();
    if (round >= 0) rounds.push(((cpuSeconds() - start) * 1e9) / FLOWS);
    if (found !== FLOWS / 10) throw new Error(`${found} flows found, ${FLOWS / 10} are there`);
  }
  return median(rounds);
}

export const run: Bench = async (report) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  try {
    const path = join(directory, 'flows.json');
    writeFlows(path);
    const filter = create(FlowFilterSchema, { verdict: [Verdict.DROPPED] });
    const fast = await cost(() => countFast(path, filter));
    const slow = await cost(() => countByDecoding(path));
    const row = { bench: 'input-file', case: 'filter by verdict and count', unit: 'ns/flow' };
    report({ ...row, metric: 'protobuf-es fromJson', value: slow, baseline: null, ratio: null });
    report({
      ...row,
      metric: 'own scanner',
      value: fast,
      baseline: 'protobuf-es fromJson',
      ratio: fast / slow,
    });
    report({
      ...row,
      metric: 'own scanner',
      value: statSync(path).size / FLOWS / fast,
      unit: 'GB/s',
      baseline: null,
      ratio: null,
    });
    report({
      ...row,
      case: '5 M flows, extrapolated',
      metric: 'own scanner',
      value: fast * 5e-3,
      unit: 's of CPU',
      baseline: null,
      ratio: null,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
};
