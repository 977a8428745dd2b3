/**
 * What masquerading costs: a pod speaks to a machine outside, by its own address (which that machine then has to know) and by the node's, both with the programs attached.
 * With `nft` on this machine, also by the kernel's own masquerading with no programs attached. Method and figures as in `emit`.
 */
import { spawnSync } from 'node:child_process';
import { type BenchRow, median } from './report.ts';
import { constant } from './support/datapath-node.ts';
import {
  loadDatapaths,
  prepareTraffic,
  sampleTraffic,
  shuffled,
  startReader,
  type TrafficSample,
  workloads,
} from './support/traffic-sample.ts';
import { createTwoNodes, type TestNode, type TwoNodes } from './support/two-nodes.ts';

const ROUNDS = 7;
const BASELINE = 'own address';
const KERNEL = 'nft masquerade';
const FIRST_PORT = 1024;
const PORTS = 31_744;

function inNetns(node: TestNode, command: readonly string[], input = ''): boolean {
  return spawnSync('nsenter', [`--net=/run/netns/${node.netns}`, ...command], { input }).status === 0;
}

/** What the left node does while a sample is taken. */
interface Setup {
  readonly name: string;
  readonly start: () => void;
  readonly stop: () => void;
}

function setupsOf(lab: TwoNodes, datapath: ReturnType<typeof loadDatapaths>[number]): Setup[] {
  const [near] = lab.nodes;
  const programs = (name: string, flags: number): Setup => ({
    name,
    start: () => {
      datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 5, flags });
      datapath.attach(near);
    },
    stop: () => datapath.detach(),
  });
  const rules =
    'table ip bench { chain post { type nat hook postrouting priority 100; oif eth0 masquerade; }; }';
  const kernel: Setup = {
    name: KERNEL,
    start: () => {
      if (!inNetns(near, ['nft', '-f', '-'], rules)) throw new Error('nft refuses the rule');
    },
    stop: () => void inNetns(near, ['nft', 'delete', 'table', 'ip', 'bench']),
  };
  return [
    programs(BASELINE, 0),
    programs('node’s address', constant('SETTING_MASQUERADE')),
    ...(inNetns(near, ['nft', '--version']) ? [kernel] : []),
  ];
}

/** Needs root, two CPUs and about half a minute. */
export async function run(report: (row: BenchRow) => void): Promise<void> {
  prepareTraffic();
  const lab = createTwoNodes('bpfm-');
  const [near, far] = lab.nodes;
  const nobody = { ...far, pods: [], ipv4: '192.0.2.1', ipv6: '2001:db8::1' };
  const datapaths = loadDatapaths({ ...lab, nodes: [near, nobody] });
  const [datapath] = datapaths;
  datapath.masqueradeAs(near, FIRST_PORT, PORTS);
  const reader = startReader([datapath]);
  try {
    const setups = setupsOf(lab, datapath);
    for (const { mode, metric, unit, scale } of workloads) {
      const samples = new Map<string, TrafficSample[]>(setups.map(({ name }) => [name, []]));
      for (let round = 0; round < ROUNDS; round++) {
        for (const { name, start, stop } of shuffled(setups)) {
          start();
          try {
            samples.get(name)!.push(await sampleTraffic(mode, near.pods[0], far.pods[0], 'ipv4'));
          } finally {
            stop();
          }
        }
      }
      const base = samples.get(BASELINE)!;
      const costOf = ({ cpuNs, operations }: TrafficSample): number => cpuNs / operations;
      for (const [name, own] of samples) {
        const isBase = name === BASELINE;
        report({
          bench: 'masquerade',
          case: `${mode}, ${name}`,
          metric,
          value: median(own.map(costOf)) * scale,
          unit,
          baseline: isBase ? null : BASELINE,
          ratio: isBase ? null : median(own.map((one, round) => costOf(one) / costOf(base[round]))),
        });
      }
    }
    report({
      bench: 'masquerade',
      case: 'all of it',
      metric: 'packets-without-port',
      value: datapath.counter('COUNTER_NAT_NO_PORT'),
      unit: 'packets',
      baseline: null,
      ratio: null,
    });
  } finally {
    clearInterval(reader);
    for (const one of datapaths) one.close();
    lab.remove();
  }
}
