/**
 * What the datapath costs the traffic it watches: two pods on one node and on two, with no programs attached, and with programs
 * attached that report per connection (the figure to reach), not at all, each packet, and without redirects.
 *
 * Client and server run on CPU 0, which they keep busy, and the rings' reader on CPU 1. A round takes each workload with every setup, one
 * right after the other in random order, and ratios are taken within a round: a machine's drift meets all setups alike. The primary
 * figure is CPU time per operation, of client, server and softirq.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { type BenchRow, median } from './report.ts';
import { constant, DatapathNode } from './support/datapath-node.ts';
import { createTwoNodes, type Pod, type TwoNodes } from './support/two-nodes.ts';

const ROUNDS = 9;
const SAMPLE_MS = 300;
const READER_INTERVAL_MS = 5;
const TRAFFIC_CPU = 0;
const READER_CPU = 1;
const RING_BYTES = 4 << 20;
const PORT = 9100;

const root = `${import.meta.dirname}/..`;
const trafficTool = `${root}/build/bench/traffic`;

/** What is attached while a sample is taken; null = nothing. */
interface Setup {
  readonly name: string;
  readonly settings: { readonly aggregation: string; readonly flags: number } | null;
}

const BASELINE = 'no programs';
const setups: readonly Setup[] = [
  { name: BASELINE, settings: null },
  { name: 'events per connection', settings: { aggregation: 'AGGREGATE_MEDIUM', flags: 0 } },
  {
    name: 'events off',
    settings: { aggregation: 'AGGREGATE_MEDIUM', flags: constant('SETTING_EVENTS_OFF') },
  },
  { name: 'event per packet', settings: { aggregation: 'AGGREGATE_NONE', flags: 0 } },
  {
    name: 'no redirects',
    settings: { aggregation: 'AGGREGATE_MEDIUM', flags: constant('SETTING_NO_REDIRECT') },
  },
];

interface Workload {
  readonly mode: 'crr' | 'rr' | 'bulk';
  readonly metric: string;
  readonly unit: string;
  /** CPU nanoseconds per operation times this are the unit. */
  readonly scale: number;
}

const workloads: readonly Workload[] = [
  { mode: 'crr', metric: 'cpu-per-connection', unit: 'us', scale: 1e-3 },
  { mode: 'rr', metric: 'cpu-per-round-trip', unit: 'us', scale: 1e-3 },
  { mode: 'bulk', metric: 'cpu-per-gb', unit: 's', scale: 1 }, // ns per byte are s per GB
];

interface Sample {
  readonly operations: number;
  readonly cpuNs: number;
  readonly p50Ns: number;
}

function runCommand(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

function buildTrafficTool(): void {
  mkdirSync(`${root}/build/bench`, { recursive: true });
  runCommand('clang', [
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    trafficTool,
    `${root}/bench/support/traffic.c`,
  ]);
}

async function sample({ workload, client, server, family }: Case): Promise<Sample> {
  const args = [workload.mode, client.netns, server.netns, server[family], PORT, SAMPLE_MS, TRAFFIC_CPU].map(
    String,
  );
  const { stdout } = await promisify(execFile)(trafficTool, args);
  return JSON.parse(stdout) as Sample;
}

/** Loads the datapath of both nodes; nothing is attached yet. */
function loadDatapaths(lab: TwoNodes): DatapathNode[] {
  return lab.nodes.map((node, index) => {
    const datapath = new DatapathNode({ deviceIfindex: node.deviceIfindex, ringBytesPerCpu: RING_BYTES });
    datapath.describe(node, lab.nodes[1 - index]);
    return datapath;
  });
}

/** Runs `work` with the programs attached as the setup wants. */
async function withPrograms<T>(
  lab: TwoNodes,
  datapaths: readonly DatapathNode[],
  { settings }: Setup,
  work: () => Promise<T>,
): Promise<T> {
  if (settings === null) return work();
  for (const [index, datapath] of datapaths.entries()) {
    datapath.configure({
      aggregation: constant(settings.aggregation),
      intervalS: 5,
      flags: settings.flags,
    });
    datapath.attach(lab.nodes[index]);
  }
  try {
    return await work();
  } finally {
    for (const datapath of datapaths) datapath.detach();
  }
}

function eventsLost(datapaths: readonly DatapathNode[]): number {
  const failures = ['COUNTER_EVENTS_RING_FULL', 'COUNTER_EVENTS_OUTPUT_FAILED'];
  return datapaths
    .flatMap((datapath) => failures.map((name) => datapath.counter(name)))
    .reduce((sum, count) => sum + count, 0);
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

interface Case {
  readonly workload: Workload;
  readonly family: 'ipv4' | 'ipv6';
  readonly where: string;
  readonly client: Pod;
  readonly server: Pod;
}

function casesOf(lab: TwoNodes): Case[] {
  const [left, right] = lab.nodes;
  const places = [
    { where: 'same node', client: left.pods[0], server: left.pods[1] },
    { where: 'two nodes', client: left.pods[0], server: right.pods[0] },
  ];
  return (['ipv4', 'ipv6'] as const).flatMap((family) =>
    workloads
      .filter(({ mode }) => family === 'ipv4' || mode === 'crr')
      .flatMap((workload) => places.map((place) => ({ workload, family, ...place }))),
  );
}

/** Samples by setup; the array has one per round. */
type CaseSamples = ReadonlyMap<string, Sample[]>;

async function measure(
  lab: TwoNodes,
  datapaths: readonly DatapathNode[],
  cases: readonly Case[],
): Promise<CaseSamples[]> {
  const samples = cases.map(() => new Map<string, Sample[]>(setups.map(({ name }) => [name, []])));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, one] of cases.entries()) {
      for (const setup of shuffled(setups)) {
        const taken = await withPrograms(lab, datapaths, setup, () => sample(one));
        samples[index].get(setup.name)?.push(taken);
      }
    }
  }
  return samples;
}

function reportCase(
  { workload, family, where }: Case,
  samples: CaseSamples,
  report: (row: BenchRow) => void,
): void {
  const base = samples.get(BASELINE) ?? [];
  for (const { name, settings } of setups) {
    const own = samples.get(name) ?? [];
    const row = (metric: string, unit: string, scale: number, value: (one: Sample) => number): void =>
      report({
        bench: 'emit',
        case: `${workload.mode} ${where} ${family}, ${name}`,
        metric,
        value: median(own.map(value)) * scale,
        unit,
        baseline: settings === null ? null : BASELINE,
        ratio: settings === null ? null : median(own.map((one, round) => value(one) / value(base[round]))),
      });
    row(workload.metric, workload.unit, workload.scale, (one) => one.cpuNs / one.operations);
    if (workload.mode === 'rr') row('latency-p50', 'us', 1e-3, (one) => one.p50Ns);
  }
}

/** Needs root, two CPUs and about three minutes. */
export async function run(report: (row: BenchRow) => void): Promise<void> {
  buildTrafficTool();
  runCommand('taskset', ['-acp', String(READER_CPU), String(process.pid)]);
  const lab = createTwoNodes('bpfb-');
  const datapaths: DatapathNode[] = [];
  let reader: NodeJS.Timeout | undefined;
  try {
    datapaths.push(...loadDatapaths(lab));
    reader = setInterval(() => datapaths.forEach((datapath) => datapath.discard()), READER_INTERVAL_MS);
    const cases = casesOf(lab);
    const samples = await measure(lab, datapaths, cases);
    for (const [index, one] of cases.entries()) reportCase(one, samples[index], report);
    const lost = { bench: 'emit', case: 'all with programs', metric: 'events-lost', unit: 'events' };
    report({ ...lost, value: eventsLost(datapaths), baseline: null, ratio: null });
  } finally {
    clearInterval(reader);
    for (const datapath of datapaths) datapath.close();
    lab.remove();
  }
}
