import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { DatapathNode } from './datapath-node.ts';
import type { Pod, TwoNodes } from './two-nodes.ts';

/** Client and server keep this CPU busy. */
const TRAFFIC_CPU = 0;
/** The rings' reader has this one. */
const READER_CPU = 1;
const SAMPLE_MS = 300;
const READER_INTERVAL_MS = 5;
const RING_BYTES = 4 << 20;
export const TRAFFIC_PORT = 9100;

const root = `${import.meta.dirname}/../..`;
const tool = `${root}/build/bench/traffic`;

/** What two pods do: connect and close, one byte back and forth, or as many bytes as go. */
export interface Workload {
  readonly mode: 'crr' | 'rr' | 'bulk';
  readonly metric: string;
  readonly unit: string;
  /** CPU nanoseconds per operation times this are the unit. */
  readonly scale: number;
}

export const workloads: readonly Workload[] = [
  { mode: 'crr', metric: 'cpu-per-connection', unit: 'us', scale: 1e-3 },
  { mode: 'rr', metric: 'cpu-per-round-trip', unit: 'us', scale: 1e-3 },
  { mode: 'bulk', metric: 'cpu-per-gb', unit: 's', scale: 1 }, // ns per byte are s per GB
];

/** One run of a workload: CPU time is that of client, server and softirq. */
export interface TrafficSample {
  readonly operations: number;
  readonly cpuNs: number;
  readonly p50Ns: number;
}

function runCommand(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** Builds the traffic tool and keeps this process off its CPU. */
export function prepareTraffic(): void {
  mkdirSync(`${root}/build/bench`, { recursive: true });
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror'];
  runCommand('clang', [...flags, '-o', tool, `${root}/bench/support/traffic.c`]);
  runCommand('taskset', ['-acp', String(READER_CPU), String(process.pid)]);
}

export async function sampleTraffic(
  mode: Workload['mode'],
  client: Pod,
  server: Pod,
  family: 'ipv4' | 'ipv6',
  sampleMs = SAMPLE_MS,
): Promise<TrafficSample> {
  const args = [mode, client.netns, server.netns, server[family], TRAFFIC_PORT, sampleMs, TRAFFIC_CPU];
  const { stdout } = await promisify(execFile)(tool, args.map(String));
  return JSON.parse(stdout) as TrafficSample;
}

/** Loads the datapath of both nodes; nothing is attached yet. */
export function loadDatapaths(lab: TwoNodes): DatapathNode[] {
  return lab.nodes.map((node, index) => {
    const datapath = new DatapathNode({ deviceIfindex: node.deviceIfindex, ringBytesPerCpu: RING_BYTES });
    datapath.describe(node, lab.nodes[1 - index]);
    return datapath;
  });
}

/** Empties the rings as an agent's thread would. */
export function startReader(datapaths: readonly DatapathNode[]): NodeJS.Timeout {
  return setInterval(() => datapaths.forEach((datapath) => datapath.discard()), READER_INTERVAL_MS);
}

/** Events that did not reach the rings. */
export function eventsLost(datapaths: readonly DatapathNode[]): number {
  const failures = ['COUNTER_EVENTS_RING_FULL', 'COUNTER_EVENTS_OUTPUT_FAILED'];
  return datapaths
    .flatMap((datapath) => failures.map((name) => datapath.counter(name)))
    .reduce((sum, count) => sum + count, 0);
}

export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
