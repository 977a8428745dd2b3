/** A saturated stream from one server process to one client over a Unix socket, and what history costs: ours against grpc-js passing the same bytes through. */
import * as grpc from '@grpc/grpc-js';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlowRing, type FrameSink, LossLedger, parseFlowsRequest, readFlows } from '../history/index.ts';
import { create, toBinary } from '@bufbuild/protobuf';
import { GetFlowsRequestSchema } from '../proto/gen/observer/observer_pb.ts';
import { RpcConnection } from '../rpc/index.ts';
import { type BenchRow, cpuSeconds, median } from './report.ts';
import { sampleBatch } from './support/sample-batch.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
const WARM_UP_MS = 700;
const WINDOW_MS = 1500;
const ROUNDS = 3;

type Report = (row: BenchRow) => void;

/** Starts a stream that calls back with counts of flows; returns how to end it. */
type StartStream = (directory: string, count: (flows: number) => void) => () => void;

const streams: readonly (readonly [string, StartStream])[] = [
  ['grpc-js -> grpc-js', (directory, count) => byLibrary(`${directory}/library.sock`, count)],
  ['ours -> grpc-js', (directory, count) => byLibrary(`${directory}/ours.sock`, count)],
  ['grpc-js -> ours', (directory, count) => byOurs(`${directory}/library.sock`, count)],
  ['ours -> ours', (directory, count) => byOurs(`${directory}/ours.sock`, count)],
];

function byOurs(path: string, count: (flows: number) => void): () => void {
  const connection = new RpcConnection({ kind: 'unix', path });
  connection.stream(GET_FLOWS, new Uint8Array(0), {}, ({ count: flows }) => count(flows)).catch(() => {}); // ended by the close
  return () => connection.close();
}

function byLibrary(path: string, count: (flows: number) => void): () => void {
  const client = new grpc.Client(`unix://${path}`, grpc.credentials.createInsecure());
  const identity = (bytes: Buffer): Buffer => bytes;
  const call = client.makeServerStreamRequest(GET_FLOWS, identity, identity, Buffer.alloc(0));
  call.on('data', () => count(1));
  call.on('error', () => {}); // cancelled
  return () => {
    call.cancel();
    client.close();
  };
}

async function serverCpuSeconds(server: ChildProcess): Promise<number> {
  server.send('cpu');
  const [seconds] = (await once(server, 'message')) as [number];
  return seconds;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Sample {
  readonly rate: number;
  readonly server: number;
  readonly client: number;
}

async function sample(server: ChildProcess, directory: string, start: StartStream): Promise<Sample> {
  let flows = 0;
  const stop = start(directory, (more) => (flows += more));
  await sleep(WARM_UP_MS);
  const before = {
    flows,
    ms: performance.now(),
    server: await serverCpuSeconds(server),
    client: cpuSeconds(),
  };
  await sleep(WINDOW_MS);
  const millions = (flows - before.flows) / 1e6;
  const seconds = (performance.now() - before.ms) / 1000;
  const client = cpuSeconds() - before.client;
  const used = (await serverCpuSeconds(server)) - before.server;
  stop();
  await sleep(50);
  return { rate: (millions * 1000) / seconds, server: used / millions, client: client / millions };
}

async function runStreams(report: Report): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-stream-'));
  const server = fork(join(import.meta.dirname, 'support/stream-server.ts'), [directory]);
  await once(server, 'message');
  const samples = streams.map((): Sample[] => []);
  // Round by round, so that noise of the machine meets all cases alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, start]] of streams.entries()) samples[i].push(await sample(server, directory, start));
  }
  server.disconnect();
  await once(server, 'exit');
  rmSync(directory, { recursive: true });
  const middle = (i: number, metric: keyof Sample): number => median(samples[i].map((one) => one[metric]));
  for (const [i, [name]] of streams.entries()) {
    for (const [metric, label, unit] of [
      ['rate', 'rate', 'kflows/s'],
      ['server', 'server CPU', 's/M flows'],
      ['client', 'client CPU', 's/M flows'],
    ] as const) {
      const value = middle(i, metric);
      const baseline = i === 0 ? null : streams[0][0];
      const ratio = i === 0 ? null : value / middle(0, metric);
      report({ bench: 'stream', case: name, metric: label, value, unit, baseline, ratio });
    }
  }
}

/** CPU nanoseconds per flow of work that handles `flows` flows at a time. */
async function nsPerFlow(flows: number, work: () => Promise<void> | void): Promise<number> {
  await work();
  const start = cpuSeconds();
  let passes = 0;
  do {
    await work();
    passes++;
  } while (cpuSeconds() - start < 0.3);
  return ((cpuSeconds() - start) * 1e9) / (passes * flows);
}

async function runHistory(report: Report): Promise<void> {
  const count = 4096;
  const batch = sampleBatch(count);
  const full = new FlowRing({ capacity: 16 * count, maxBytes: 1 << 30 });
  for (let i = 0; i < 16; i++) full.append(batch);
  const sink: FrameSink = {
    signal: new AbortController().signal,
    write: () => true,
    drained: () => Promise.resolve(),
    flush: () => {},
  };
  const reading = (request: Parameters<typeof create<typeof GetFlowsRequestSchema>>[1]) => {
    const bytes = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, request));
    const { selection } = parseFlowsRequest(bytes);
    const context = { nodeName: 'bench', ledger: new LossLedger() };
    return (): Promise<void> => readFlows(full, selection, sink, context);
  };
  for (const [name, flows, work] of [
    ['append to history', count, () => full.append(batch)],
    ['read everything', 16 * count, reading({})],
    ['read by verdict', 16 * count, reading({ whitelist: [{ verdict: [1] }] })],
    [
      'read by pod prefix, none matches',
      16 * count,
      reading({ whitelist: [{ sourcePod: ['team-9/none'] }] }),
    ],
    ['find the last 20', 1, reading({ number: 20n })],
  ] as const) {
    const value = await nsPerFlow(flows, work);
    const metric = flows === 1 ? 'CPU per request' : 'CPU per flow';
    report({ bench: 'stream', case: name, metric, value, unit: 'ns', baseline: null, ratio: null });
  }
}

export async function run(report: Report): Promise<void> {
  await runStreams(report);
  await runHistory(report);
}
