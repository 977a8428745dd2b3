/**
 * The same policy, so many peers that may open TCP connections to one port and everybody else may not, by the kernel's own means and by ours: linear iptables, iptables with an
 * ipset, nftables with a set, each behind "established passes", all against plain forwarding with no policy. Ours polices both ends and tells its flows; once more without
 * events, for what these cost. What tools are missing is said. `SLUICE_BENCH_ROUNDS` sets the rounds (default 15).
 *
 * A round takes every set-up once, in an order of its own, and plain forwarding twice. Ratios are those of one round, and their median is told with their quartiles. The
 * ratio of plain forwarding to itself is what nothing at all looks like on this machine at that time.
 */
import { spawnSync } from 'node:child_process';
import { type BenchRow, median, quantile } from './report.ts';
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
  type Workload,
  workloads,
} from './support/traffic-sample.ts';
import { createTwoNodes, type Pod, type TestNode, type TwoNodes } from './support/two-nodes.ts';

const BASELINE = 'no policy';
const BASELINE_AGAIN = 'no policy, again';
const WITHOUT_EVENTS_OF = 'sluice without events,';
const WITHOUT_EVENTS = `${WITHOUT_EVENTS_OF} 3000`;
/** Many short samples: what disturbs this machine lasts for seconds, and is then in both sides of a ratio. */
const SAMPLE_MS = 100;
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
    setup(3000, WITHOUT_EVENTS_OF, constant('SETTING_EVENTS_OFF')),
  ];
}

/** Samples of one workload between two places: by set-up, one a round. */
class Case {
  readonly workload: Workload;
  readonly name: string;
  private readonly client: Pod;
  private readonly server: Pod;
  private readonly costs = new Map<string, number[]>();

  constructor(workload: Workload, where: string, client: Pod, server: Pod) {
    this.workload = workload;
    this.name = `${workload.mode} ${where}`;
    this.client = client;
    this.server = server;
  }

  async sample(setup: string): Promise<void> {
    const { cpuNs, operations } = await sampleTraffic(
      this.workload.mode,
      this.client,
      this.server,
      'ipv4',
      SAMPLE_MS,
    );
    const costs = this.costs.get(setup) ?? [];
    this.costs.set(setup, costs);
    costs.push(cpuNs / operations);
  }

  /** A set-up's figure, as a ratio to another's of the same rounds; to plain forwarding's both samples. */
  row(setup: string, baseline: string | null): BenchRow {
    const { metric, unit, scale } = this.workload;
    const own = this.costs.get(setup)!;
    const row = { bench: 'policy-pairs', metric, value: median(own) * scale, unit, baseline };
    if (baseline === null) return { ...row, case: `${this.name}, ${setup}`, ratio: null };
    const again = baseline === BASELINE && setup !== BASELINE_AGAIN ? BASELINE_AGAIN : baseline;
    const [first, second] = [this.costs.get(baseline)!, this.costs.get(again)!];
    const ratios = own.map((cost, round) => (2 * cost) / (first[round] + second[round]));
    return {
      ...row,
      case: `${this.name}, ${setup}${baseline === BASELINE ? '' : ` against ${baseline}`}`,
      ratio: median(ratios),
      quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    };
  }
}

function casesOf({ nodes: [left, right] }: TwoNodes): Case[] {
  return workloads.flatMap((workload) => [
    new Case(workload, 'same node', left.pods[0], left.pods[1]),
    new Case(workload, 'two nodes', left.pods[0], right.pods[0]),
  ]);
}

function reportCase(one: Case, setups: readonly Setup[], report: (row: BenchRow) => void): void {
  for (const { name } of setups) report(one.row(name, name === BASELINE ? null : BASELINE));
  report(one.row('sluice 3000', WITHOUT_EVENTS));
  for (const entries of sizes) {
    for (const rival of rivals) {
      const other = `${rival.name} ${entries}`;
      if (setups.some(({ name }) => name === other)) report(one.row(`sluice ${entries}`, other));
    }
  }
}

/** Needs root, two CPUs and four minutes. */
export async function run(report: (row: BenchRow) => void): Promise<void> {
  const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 15);
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
      { name: BASELINE_AGAIN, start: nothing, stop: nothing },
      ...ownSetups(lab, datapaths),
      ...rivalSetups(lab),
    ];
    const cases = casesOf(lab);
    for (let round = 0; round < rounds; round++) {
      for (const { name, start, stop } of shuffled(setups)) {
        start();
        try {
          for (const one of cases) await one.sample(name);
        } finally {
          stop();
        }
      }
    }
    for (const one of cases) reportCase(one, setups, report);
    const lost = { bench: 'policy-pairs', case: 'all', metric: 'events-lost', unit: 'events' };
    report({ ...lost, value: eventsLost(datapaths), baseline: null, ratio: null });
  } finally {
    clearInterval(reader);
    for (const one of datapaths) one.close();
    lab.remove();
  }
}
