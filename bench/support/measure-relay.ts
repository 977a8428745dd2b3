import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { parseAddress, RpcConnection } from '../../rpc/index.ts';
import { ask, processCpu, residentMiB, start } from './child-process.ts';
import { FlowWatcher, untilQuiet } from './flow-watcher.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
const WARM_UP_MS = 4000;
const WINDOW_BYTES = 4 * 1024 * 1024;

/** What is measured: how many agents send how fast (null = as fast as they can) what kind of flows, to whom. */
export interface Load {
  readonly peers: number;
  readonly size: 'small' | 'large';
  readonly flowsPerSecond: number | null;
  readonly forMs: number;
  /** Requests of the subscribers; one that wants everything when absent. */
  readonly requests?: readonly MessageInitShape<typeof GetFlowsRequestSchema>[];
  /** Puts what the agents and the relay need into the directory: certificates, by which they then serve and connect. */
  readonly prepare?: (dir: string) => Promise<void>;
}

export interface Measurement {
  /** To all subscribers together. */
  readonly flowsPerSecond: number;
  readonly cpuPerMillion: number;
  readonly cores: number;
  readonly residentMiB: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly outOfOrder: number;
  readonly worstDisorderMs: number;
  /** Flows received for each one sent. */
  readonly delivered: number;
  readonly bytesPerFlow: number;
}

/** Runs a relay over replayed agents, each a process of its own, with its subscribers in this one. */
export async function measureRelay(relayFile: string, load: Load): Promise<Measurement> {
  const { peers, size, flowsPerSecond, forMs, requests = [{ follow: true }] } = load;
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  await load.prepare?.(dir);
  const rate = flowsPerSecond === null ? [] : [String(flowsPerSecond)];
  const agents = await start('replay-agents.ts', [dir, String(peers), size, ...rate]);
  const relay = await start(relayFile, [dir, String(peers)]);
  const abort = new AbortController();
  const subscribers = requests.map((request) => {
    const connection = new RpcConnection(parseAddress(`unix://${dir}/relay.sock`), {
      windowBytes: WINDOW_BYTES,
    });
    const watcher = new FlowWatcher();
    const bytes = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, request));
    const ended = connection.stream(GET_FLOWS, bytes, { signal: abort.signal }, watcher.take);
    return { connection, watcher, ended };
  });
  const watchers = subscribers.map(({ watcher }) => watcher);
  const sum = (count: (watcher: FlowWatcher) => number): number =>
    watchers.reduce((total, watcher) => total + count(watcher), 0);
  try {
    await sleep(WARM_UP_MS + peers * 3);
    for (const watcher of watchers) watcher.reset();
    const before = { flows: sum(({ flows }) => flows), cpu: processCpu(relay.pid!), at: performance.now() };
    await sleep(forMs);
    const seconds = (performance.now() - before.at) / 1000;
    const done = sum(({ flows }) => flows) - before.flows;
    const cpu = processCpu(relay.pid!) - before.cpu;
    const resident = residentMiB(relay.pid!);
    const latencies = watchers.flatMap(({ latenciesUs }) => latenciesUs).sort((a, b) => a - b);
    const outOfOrder = sum((watcher) => watcher.outOfOrder);
    const worstUs = Math.max(...watchers.map(({ worstDisorderUs }) => worstDisorderUs));
    const sent = await ask<number>(agents, 'stop');
    await untilQuiet(watchers);
    return {
      flowsPerSecond: done / seconds,
      cpuPerMillion: (cpu / done) * 1e6,
      cores: cpu / seconds,
      residentMiB: resident,
      p50Ms: (latencies[latencies.length >> 1] ?? 0) / 1000,
      p99Ms: (latencies[Math.floor(latencies.length * 0.99)] ?? 0) / 1000,
      outOfOrder,
      worstDisorderMs: worstUs / 1000,
      delivered: sum(({ flows }) => flows) / sent,
      bytesPerFlow: sum(({ bytes }) => bytes) / sum(({ flows }) => flows),
    };
  } finally {
    abort.abort();
    for (const { ended, connection } of subscribers) {
      await ended.catch(() => {}); // cancelled by this side
      connection.close();
    }
    relay.kill('SIGKILL');
    agents.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}
