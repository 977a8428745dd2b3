/**
 * The same policy, so many peers that may open TCP connections to one port and everybody else may not, by the kernel's own means and by ours: linear iptables, iptables with an
 * ipset, nftables with a set, each behind "established passes", all against plain forwarding with no policy. Ours polices both ends and tells its flows; once more without
 * events, for what these cost. What tools are missing is said. `SLUICE_BENCH_ROUNDS` sets the rounds (default 7).
 */
import { spawnSync } from 'node:child_process';
import { type BenchRow, median } from './report.ts';
import { constant, type DatapathNode } from './support/datapath-node.ts';
import { enforce, stateOf } from './support/policy-traffic.ts';
import {
  eventsLost,
  loadDatapaths,
  prepareTraffic,
  sampleTraffic,
  shuffled,
  startReader,
  TRAFFIC_PORT,
  type TrafficSample,
  workloads,
} from './support/traffic-sample.ts';
import { createTwoNodes, type TestNode, type TwoNodes } from './support/two-nodes.ts';

const BASELINE = 'no policy';
const sizes = [100, 3000, 10_000] as const;

interface Setup {
  readonly name: string;
  readonly start: () => void;
  readonly stop: () => void;
}

function inNetns(node: TestNode, command: readonly string[], input = ''): void {
  const { status, stderr } = spawnSync('nsenter', [`--net=/run/netns/${node.netns}`, ...command], {
    input,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command.join(' ')} in ${node.netns}: ${stderr.slice(0, 500)}`);
}

/** Addresses that may speak: the pods that there are come last, where a list is longest. */
function peersOf({ nodes }: TwoNodes, entries: number): string[] {
  const cast = nodes.flatMap(({ pods }) => pods.map(({ ipv4 }) => ipv4));
  const others = Array.from({ length: entries - cast.length }, (_, i) => `10.250.${i >> 8}.${i & 0xff}`);
  return [...others, ...cast];
}

const iptablesText = (rules: readonly string[]): string =>
  [
    '*filter',
    ':FORWARD DROP [0:0]',
    '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    ...rules,
    'COMMIT',
    '',
  ].join('\n');
const target = `-p tcp --dport ${TRAFFIC_PORT} -j ACCEPT`;
const CLEAR_IPTABLES = '*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n';

interface Rival {
  readonly name: string;
  readonly probe: readonly string[];
  readonly start: (node: TestNode, peers: readonly string[]) => void;
  readonly stop: (node: TestNode) => void;
}

const rivals: readonly Rival[] = [
  {
    name: 'iptables',
    probe: ['iptables-legacy', '--version'],
    start: (node, peers) => {
      const rules = peers.map((peer) => `-A FORWARD -s ${peer} ${target}`);
      inNetns(node, ['iptables-legacy-restore'], iptablesText(rules));
    },
    stop: (node) => inNetns(node, ['iptables-legacy-restore'], CLEAR_IPTABLES),
  },
  {
    name: 'ipset',
    probe: ['ipset', '--version'],
    start: (node, peers) => {
      const lines = peers.map((peer) => `add peers ${peer}`);
      inNetns(node, ['ipset', 'restore'], `${['create peers hash:ip maxelem 65536', ...lines].join('\n')}\n`);
      const rule = `-A FORWARD -m set --match-set peers src ${target}`;
      inNetns(node, ['iptables-legacy-restore'], iptablesText([rule]));
    },
    stop: (node) => {
      inNetns(node, ['iptables-legacy-restore'], CLEAR_IPTABLES);
      inNetns(node, ['ipset', 'destroy', 'peers']);
    },
  },
  {
    name: 'nft set',
    probe: ['nft', '--version'],
    start: (node, peers) =>
      inNetns(
        node,
        ['nft', '-f', '-'],
        `table ip bench {
          set peers { type ipv4_addr; elements = { ${peers.join(', ')} } }
          chain forward {
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
            ip saddr @peers tcp dport ${TRAFFIC_PORT} accept
          }
        }\n`,
      ),
    stop: (node) => inNetns(node, ['nft', 'delete', 'table', 'ip', 'bench']),
  },
];

function rivalSetups(lab: TwoNodes): Setup[] {
  return rivals.flatMap(({ name, probe: [command, ...args], start, stop }) => {
    if (spawnSync(command, args).status !== 0) {
      console.error(
        `${command} is missing: not measured against it (apt-get install iptables ipset nftables)`,
      );
      return [];
    }
    return sizes.map((entries) => {
      const peers = peersOf(lab, entries);
      return {
        name: `${name} ${entries}`,
        start: () => lab.nodes.forEach((node) => start(node, peers)),
        stop: () => lab.nodes.forEach(stop),
      };
    });
  });
}

function ownSetups(lab: TwoNodes, datapaths: readonly DatapathNode[]): Setup[] {
  const setup = (entries: number, name: string, more: number): Setup => {
    const state = stateOf(lab, entries);
    return {
      name: `${name} ${entries}`,
      start: () => {
        for (const [i, datapath] of datapaths.entries()) {
          enforce(datapath, lab.nodes[i].pods, state);
          const flags = constant('SETTING_POLICY') | more;
          datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 5, flags });
          datapath.attach(lab.nodes[i]);
        }
      },
      stop: () => datapaths.forEach((datapath) => datapath.detach()),
    };
  };
  return [
    ...sizes.map((entries) => setup(entries, 'sluice', 0)),
    setup(3000, 'sluice without events,', constant('SETTING_EVENTS_OFF')),
  ];
}

/** Needs root, two CPUs and some minutes. */
export async function run(report: (row: BenchRow) => void): Promise<void> {
  const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 7);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`SLUICE_BENCH_ROUNDS is ${process.env.SLUICE_BENCH_ROUNDS}: expected a whole number`);
  prepareTraffic();
  const lab = createTwoNodes('polr-');
  const datapaths: DatapathNode[] = [];
  let reader: NodeJS.Timeout | undefined;
  try {
    datapaths.push(...loadDatapaths(lab));
    reader = startReader(datapaths);
    const nothing = (): void => undefined;
    const setups = [
      { name: BASELINE, start: nothing, stop: nothing },
      ...ownSetups(lab, datapaths),
      ...rivalSetups(lab),
    ];
    const [left, right] = lab.nodes;
    const cases = workloads.flatMap((workload) => [
      { workload, where: 'same node', client: left.pods[0], server: left.pods[1] },
      { workload, where: 'two nodes', client: left.pods[0], server: right.pods[0] },
    ]);
    const samples = cases.map(() => new Map<string, TrafficSample[]>(setups.map(({ name }) => [name, []])));
    for (let round = 0; round < rounds; round++) {
      for (const { name, start, stop } of shuffled(setups)) {
        start();
        try {
          for (const [i, { workload, client, server }] of cases.entries())
            samples[i].get(name)!.push(await sampleTraffic(workload.mode, client, server, 'ipv4'));
        } finally {
          stop();
        }
      }
    }
    const costOf = ({ cpuNs, operations }: TrafficSample): number => cpuNs / operations;
    const bench = 'policy-pairs';
    for (const [i, { workload, where }] of cases.entries()) {
      const { mode, metric, unit, scale } = workload;
      const against = (name: string, baseline: string): number =>
        median(samples[i].get(name)!.map((one, n) => costOf(one) / costOf(samples[i].get(baseline)![n])));
      const value = (name: string): number => median(samples[i].get(name)!.map(costOf)) * scale;
      for (const { name } of setups) {
        const isBase = name === BASELINE;
        const [baseline, ratio] = isBase ? [null, null] : [BASELINE, against(name, BASELINE)];
        report({
          bench,
          case: `${mode} ${where}, ${name}`,
          metric,
          value: value(name),
          unit,
          baseline,
          ratio,
        });
      }
      const without = 'sluice without events, 3000';
      const name = 'sluice 3000';
      const row = { bench, case: `${mode} ${where}, ${name}`, metric, value: value(name), unit };
      report({ ...row, baseline: without, ratio: against(name, without) });
    }
    const lost = { bench, case: 'all', metric: 'events-lost', unit: 'events', baseline: null, ratio: null };
    report({ ...lost, value: eventsLost(datapaths) });
  } finally {
    clearInterval(reader);
    for (const one of datapaths) one.close();
    lab.remove();
  }
}
