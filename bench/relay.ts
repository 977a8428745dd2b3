/** The relay with 2 to 1,000 peers at full speed, and with 200,000 flows/s over 128 peers: rate, CPU, latency, order. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFlowFrame } from '../proto/flow/frame-kind.ts';
import type { FrameRun } from '../proto/flow/frame.ts';
import { withTimes } from '../proto/flow/peek-flow.ts';
import { GetFlowsRequestSchema } from '../proto/gen/observer/observer_pb.ts';
import { parseAddress, RpcConnection } from '../rpc/index.ts';
import type { Bench, BenchRow } from './report.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
const here = import.meta.dirname;
const WARM_UP_MS = 4000;
const MEASURE_MS = 5000;
const PACED_MS = 10_000;
/** What was sent has all come, or will not, when nothing has come for so long. */
const QUIET_MS = 1500;
const CLOCK_TICKS = 100;

/** What is measured: how many agents send how fast (null = as fast as they can) what kind of flows. */
interface Load {
  readonly peers: number;
  readonly size: 'small' | 'large';
  readonly flowsPerSecond: number | null;
  readonly forMs: number;
}

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

/** Ends the replay. Returns the flows sent. */
function stopAgents(agents: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    agents.once('message', (count: number) => resolve(count));
    agents.send('stop');
  });
}

/** A client of the relay that looks at every flow, and says what it saw. */
class Watcher {
  flows = 0;
  bytes = 0;
  outOfOrder = 0;
  worstDisorderUs = 0;
  readonly latenciesUs: number[] = [];
  private newestUs = 0;

  /** Forgets all but how many flows came. */
  reset(): void {
    this.latenciesUs.length = 0;
    this.outOfOrder = 0;
    this.worstDisorderUs = 0;
  }

  readonly take = (run: FrameRun): void => {
    const { bytes, offsets, timesUs, count } = withTimes(run);
    const nowUs = (performance.timeOrigin + performance.now()) * 1000;
    this.bytes += bytes.length;
    for (let i = 0; i < count; i++) {
      if (!isFlowFrame(bytes, offsets[i])) continue;
      this.flows++;
      if (timesUs[i] < this.newestUs) {
        this.outOfOrder++;
        this.worstDisorderUs = Math.max(this.worstDisorderUs, this.newestUs - timesUs[i]);
      } else this.newestUs = timesUs[i];
      if (this.flows % 64 === 0) this.latenciesUs.push(nowUs - timesUs[i]);
    }
  };

  /** Resolves when nothing comes any more. */
  async quiet(): Promise<void> {
    for (let before = -1; before !== this.flows;) {
      before = this.flows;
      await sleep(QUIET_MS);
    }
  }
}

async function measure(
  relayFile: string,
  { peers, size, flowsPerSecond, forMs }: Load,
): Promise<Measurement> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const rate = flowsPerSecond === null ? [] : [String(flowsPerSecond)];
  const agents = await start('replay-agents.ts', [dir, String(peers), size, ...rate]);
  const relay = await start(relayFile, [dir, String(peers)]);
  const connection = new RpcConnection(parseAddress(`unix://${dir}/relay.sock`), {
    windowBytes: 4 * 1024 * 1024,
  });
  const abort = new AbortController();
  const watcher = new Watcher();
  const request = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { follow: true }));
  const stream = connection.stream(GET_FLOWS, request, { signal: abort.signal }, watcher.take);
  try {
    await sleep(WARM_UP_MS + peers * 3);
    watcher.reset();
    const before = { flows: watcher.flows, cpu: processCpu(relay.pid!), at: performance.now() };
    await sleep(forMs);
    const seconds = (performance.now() - before.at) / 1000;
    const done = watcher.flows - before.flows;
    const cpu = processCpu(relay.pid!) - before.cpu;
    const { outOfOrder, worstDisorderUs } = watcher;
    const latencies = [...watcher.latenciesUs].sort((a, b) => a - b);
    const sent = await stopAgents(agents);
    await watcher.quiet();
    return {
      flowsPerSecond: done / seconds,
      cpuPerMillion: (cpu / done) * 1e6,
      cores: cpu / seconds,
      p50Ms: (latencies[latencies.length >> 1] ?? 0) / 1000,
      p99Ms: (latencies[Math.floor(latencies.length * 0.99)] ?? 0) / 1000,
      outOfOrder,
      worstDisorderMs: worstDisorderUs / 1000,
      delivered: watcher.flows / sent,
      bytesPerFlow: watcher.bytes / watcher.flows,
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
  for (const size of ['small', 'large'] as const) {
    const saturated = { size, flowsPerSecond: null, forMs: MEASURE_MS };
    const naive = await measure('naive-relay.ts', { ...saturated, peers: 16 });
    const naiveName = `grpc-js + protobuf-es, 16 peers, ${naive.bytesPerFlow.toFixed(0)} B`;
    row(naiveName, 'rate', naive.flowsPerSecond / 1000, 'kflows/s');
    row(naiveName, 'CPU per million', naive.cpuPerMillion, 's');
    for (const peers of size === 'small' ? [16] : [2, 16, 128, 1000]) {
      const ours = await measure('raw-relay.ts', { ...saturated, peers });
      const name = `saturated, ${peers} peers, ${ours.bytesPerFlow.toFixed(0)} B`;
      const [rate, cpu] = [ours.flowsPerSecond, ours.cpuPerMillion];
      row(name, 'rate', rate / 1000, 'kflows/s', naiveName, rate / naive.flowsPerSecond);
      row(name, 'CPU per million', cpu, 's', naiveName, cpu / naive.cpuPerMillion);
      row(name, 'out of order', ours.outOfOrder, 'flows');
      row(name, 'worst disorder', ours.worstDisorderMs, 'ms');
      row(name, 'delivered', ours.delivered, 'of those sent');
    }
  }
  const paced = await measure('raw-relay.ts', {
    peers: 128,
    size: 'large',
    flowsPerSecond: 200_000,
    forMs: PACED_MS,
  });
  const name = `200 k flows/s paced, 128 peers, ${paced.bytesPerFlow.toFixed(0)} B`;
  row(name, 'rate', paced.flowsPerSecond / 1000, 'kflows/s');
  row(name, 'CPU', paced.cores, 'cores');
  row(name, 'latency p50', paced.p50Ms, 'ms');
  row(name, 'latency p99', paced.p99Ms, 'ms');
  row(name, 'out of order', paced.outOfOrder, 'flows');
  row(name, 'worst disorder', paced.worstDisorderMs, 'ms');
  row(name, 'delivered', paced.delivered, 'of those sent');
};
