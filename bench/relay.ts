/** The relay with 2 to 1,000 peers at full speed, and with 200,000 flows/s over 128 peers: rate, CPU, latency, order. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow, timeUsOf } from '../proto/flow/peek-flow.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { GetFlowsRequestSchema } from '../proto/gen/observer/observer_pb.ts';
import { parseAddress, RpcConnection } from '../rpc/index.ts';
import type { Bench, BenchRow } from './report.ts';

const here = import.meta.dirname;
const WARM_UP_MS = 4000;
/** Time for what is on its way to arrive once the agents have stopped: the merge's delay and some. */
const SETTLE_MS = 2000;
const MEASURE_MS = 5000;
const PACED_MS = 10_000;
const CLOCK_TICKS = 100;

interface Measurement {
  readonly flowsPerSecond: number;
  readonly cpuPerMillion: number;
  readonly cores: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly outOfOrder: number;
  readonly worstDisorderMs: number;
  /** Flows received for each one sent. */
  readonly delivered: number;
  readonly bytesPerFlow: number;
}

function start(file: string, args: readonly string[]): Promise<ChildProcess> {
  const child = fork(join(here, 'support', file), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
}

/** CPU seconds of a process, from /proc/PID/stat (utime and stime, proc(5)). */
function processCpu(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** Ends the replay and waits for what is on its way. Returns the flows sent. */
async function stopAgents(agents: ChildProcess): Promise<number> {
  const sent = await new Promise<number>((resolve) => {
    agents.once('message', (count: number) => resolve(count));
    agents.send('stop');
  });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return sent;
}

async function measure(
  relayFile: string,
  peers: number,
  rate: number | null,
  windowMs: number,
): Promise<Measurement> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const agents = await start('replay-agents.ts', [
    dir,
    String(peers),
    ...(rate === null ? [] : [String(rate)]),
  ]);
  const relay = await start(relayFile, [dir, String(peers)]);
  const connection = new RpcConnection(parseAddress(`unix://${dir}/relay.sock`), {
    windowBytes: 4 * 1024 * 1024,
  });
  const abort = new AbortController();
  const peek = createFlowPeek();
  const latencies: number[] = [];
  let flows = 0;
  let bytes = 0;
  let outOfOrder = 0;
  let worstUs = 0;
  let newestUs = 0;
  const request = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { follow: true }));
  const stream = connection.stream(
    '/observer.Observer/GetFlows',
    request,
    { signal: abort.signal },
    (run) => {
      const nowUs = (performance.timeOrigin + performance.now()) * 1000;
      for (let i = 0; i < run.count; i++) {
        peekFlow(run.bytes, run.offsets[i] + FRAME_PREFIX_BYTES, run.offsets[i + 1], peek);
        if (peek.kind !== ENVELOPE_FLOW) continue;
        flows++;
        bytes += run.offsets[i + 1] - run.offsets[i];
        const timeUs = timeUsOf(peek.seconds, peek.nanos);
        if (timeUs < newestUs) {
          outOfOrder++;
          worstUs = Math.max(worstUs, newestUs - timeUs);
        } else newestUs = timeUs;
        if (flows % 64 === 0) latencies.push(nowUs - timeUs);
      }
    },
  );
  try {
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS + peers * 3));
    latencies.length = 0;
    const before = { flows, cpu: processCpu(relay.pid!), at: performance.now() };
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    const seconds = (performance.now() - before.at) / 1000;
    const done = flows - before.flows;
    const cpu = processCpu(relay.pid!) - before.cpu;
    latencies.sort((a, b) => a - b);
    const sent = await stopAgents(agents);
    return {
      flowsPerSecond: done / seconds,
      cpuPerMillion: (cpu / done) * 1e6,
      cores: cpu / seconds,
      p50Ms: (latencies[latencies.length >> 1] ?? 0) / 1000,
      p99Ms: (latencies[Math.floor(latencies.length * 0.99)] ?? 0) / 1000,
      outOfOrder,
      worstDisorderMs: worstUs / 1000,
      delivered: flows / sent,
      bytesPerFlow: bytes / flows,
    };
  } finally {
    abort.abort();
    await stream.catch(() => {}); // cancelled by this side
    connection.close();
    relay.kill('SIGKILL');
    agents.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

export const run: Bench = async (report) => {
  const row = (
    name: string,
    metric: string,
    value: number,
    unit: string,
    baseline: BenchRow['baseline'] = null,
    ratio: number | null = null,
  ): void => report({ bench: 'relay', case: name, metric, value, unit, baseline, ratio });
  const naive = await measure('naive-relay.ts', 16, null, MEASURE_MS);
  const naiveName = 'grpc-js + protobuf-es, 16 peers';
  row(naiveName, 'rate', naive.flowsPerSecond / 1000, 'kflows/s');
  row(naiveName, 'CPU per million', naive.cpuPerMillion, 's');
  for (const peers of [2, 16, 128, 1000]) {
    const ours = await measure('raw-relay.ts', peers, null, MEASURE_MS);
    const name = `saturated, ${peers} peers`;
    row(
      name,
      'rate',
      ours.flowsPerSecond / 1000,
      'kflows/s',
      naiveName,
      ours.flowsPerSecond / naive.flowsPerSecond,
    );
    row(
      name,
      'CPU per million',
      ours.cpuPerMillion,
      's',
      naiveName,
      ours.cpuPerMillion / naive.cpuPerMillion,
    );
    row(name, 'out of order', ours.outOfOrder, 'flows');
    row(name, 'worst disorder', ours.worstDisorderMs, 'ms');
    row(name, 'delivered', ours.delivered, 'of those sent');
  }
  const paced = await measure('raw-relay.ts', 128, 200_000, PACED_MS);
  const name = '200 k flows/s paced, 128 peers';
  row(name, 'rate', paced.flowsPerSecond / 1000, 'kflows/s');
  row(name, 'CPU', paced.cores, 'cores');
  row(name, 'latency p50', paced.p50Ms, 'ms');
  row(name, 'latency p99', paced.p99Ms, 'ms');
  row(name, 'out of order', paced.outOfOrder, 'flows');
  row(name, 'worst disorder', paced.worstDisorderMs, 'ms');
  row(name, 'delivered', paced.delivered, 'of those sent');
  row(name, 'size', paced.bytesPerFlow, 'B/flow');
};
