/**
 * What the datapath costs the traffic it watches: two pods on one node and on two, with no programs attached, and with programs
 * attached that report per connection (the figure to reach), not at all, each packet, and without redirects.
 *
 * Client and server run on CPU 0, which they keep busy, and the rings' reader on CPU 1. A round takes each workload with every setup, one
 * right after the other in random order, and ratios are taken within a round: a machine's drift meets all setups alike. The primary
 * figure is CPU time per operation, of client, server and softirq.
 */
import { type BenchRow, median } from './report.ts';
import { constant, type DatapathNode } from './support/datapath-node.ts';
import {
  eventsLost,
  loadDatapaths,
  prepareTraffic,
  sampleTraffic,
  shuffled,
  startReader,
  type TrafficSample,
  type Workload,
  workloads,
} from './support/traffic-sample.ts';
import { createTwoNodes, type Pod, type TwoNodes } from './support/two-nodes.ts';

const ROUNDS = 9;

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
type CaseSamples = ReadonlyMap<string, TrafficSample[]>;

async function measure(
  lab: TwoNodes,
  datapaths: readonly DatapathNode[],
  cases: readonly Case[],
): Promise<CaseSamples[]> {
  const samples = cases.map(() => new Map<string, TrafficSample[]>(setups.map(({ name }) => [name, []])));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, one] of cases.entries()) {
      for (const setup of shuffled(setups)) {
        const taken = await withPrograms(lab, datapaths, setup, () =>
          sampleTraffic(one.workload.mode, one.client, one.server, one.family),
        );
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
    const row = (metric: string, unit: string, scale: number, value: (one: TrafficSample) => number): void =>
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
  prepareTraffic();
  const lab = createTwoNodes('bpfb-');
  const datapaths: DatapathNode[] = [];
  let reader: NodeJS.Timeout | undefined;
  try {
    datapaths.push(...loadDatapaths(lab));
    reader = startReader(datapaths);
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
