/**
 * What policies cost the traffic they let through: two pods on one node and on two, both policed in both directions by sets of 100, 3,000 and 10,000 entries, against the same
 * programs with no policy in force. Method and figures as in `emit`. Then what it takes to write a set, and to let one more identity in.
 */
import { PolicySets } from '../agent/policy/policy-sets.ts';
import { parsePolicies } from '../policy/index.ts';
import { type BenchRow, median } from './report.ts';
import { constant, type DatapathNode } from './support/datapath-node.ts';
import { enforce, labels, policy, stateOf } from './support/policy-traffic.ts';
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
const BASELINE = 'no policy';
/** Entries of each pod's set, both directions together; 0 = no policy. */
const setups = [0, 100, 3000, 10_000] as const;
const nameOf = (entries: number): string => (entries === 0 ? BASELINE : `${entries} entries`);
interface Case {
  readonly workload: Workload;
  readonly where: string;
  readonly client: Pod;
  readonly server: Pod;
}

function casesOf({ nodes: [left, right] }: TwoNodes): Case[] {
  const places = [
    { where: 'same node', client: left.pods[0], server: left.pods[1] },
    { where: 'two nodes', client: left.pods[0], server: right.pods[0] },
  ];
  return workloads.flatMap((workload) => places.map((place) => ({ workload, ...place })));
}

async function measure(
  lab: TwoNodes,
  datapaths: readonly DatapathNode[],
  report: (row: BenchRow) => void,
): Promise<void> {
  const states = new Map(setups.map((entries) => [entries, stateOf(lab, entries)]));
  const cases = casesOf(lab);
  const samples = cases.map(() => new Map<number, TrafficSample[]>(setups.map((entries) => [entries, []])));
  for (let round = 0; round < ROUNDS; round++) {
    for (const entries of shuffled(setups)) {
      for (const [index, datapath] of datapaths.entries()) {
        enforce(datapath, lab.nodes[index].pods, states.get(entries)!);
        const flags = entries === 0 ? 0 : constant('SETTING_POLICY');
        datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 5, flags });
      }
      for (const [index, { workload, client, server }] of cases.entries()) {
        samples[index].get(entries)!.push(await sampleTraffic(workload.mode, client, server, 'ipv4'));
      }
    }
  }
  for (const [index, { workload, where }] of cases.entries()) {
    const base = samples[index].get(0)!;
    for (const entries of setups) {
      const own = samples[index].get(entries)!;
      const row = (
        metric: string,
        unit: string,
        scale: number,
        value: (one: TrafficSample) => number,
      ): void =>
        report({
          bench: 'policy-datapath',
          case: `${workload.mode} ${where}, ${nameOf(entries)}`,
          metric,
          value: median(own.map(value)) * scale,
          unit,
          baseline: entries === 0 ? null : BASELINE,
          ratio: entries === 0 ? null : median(own.map((one, round) => value(one) / value(base[round]))),
        });
      row(workload.metric, workload.unit, workload.scale, (one) => one.cpuNs / one.operations);
      if (workload.mode === 'rr') row('latency-p50', 'us', 1e-3, (one) => one.p50Ns);
    }
  }
}

/** How long it takes until entries are in force. */
function measureWriting(lab: TwoNodes, datapath: DatapathNode, report: (row: BenchRow) => void): void {
  const { object } = datapath;
  const [pod] = lab.nodes[0].pods;
  for (const entries of [100, 10_000]) {
    const whole: number[] = [];
    const one: number[] = [];
    const state = stateOf(lab, entries);
    state.takeChanges();
    const sets = new PolicySets(object.map('policy'), object.map('endpoint_policies'));
    sets.assign(pod.endpointId, pod.netns, state.policyOf('pod')!, false);
    const timed = (times: number[], work: () => void): void => {
      const startMs = performance.now();
      work();
      times.push(performance.now() - startMs);
    };
    for (let i = 0; i < 20; i++) {
      timed(one, () => {
        state.update({ identities: [{ id: 60_000 + i, labels: labels('peer') }] });
        sets.apply(state.takeChanges(), 'identities-added');
      });
      const ports = [{ port: String(30_000 + i), protocol: 'TCP' }];
      const more = { ...policy.spec, ingress: [...policy.spec.ingress, { toPorts: [{ ports }] }] };
      const { policies } = parsePolicies(JSON.stringify({ ...policy, spec: more }), 'bench.json');
      timed(whole, () => {
        state.update({ policies });
        sets.apply(state.takeChanges(), 'policies');
      });
    }
    const row = { bench: 'policy-datapath', unit: 'ms', baseline: null, ratio: null };
    report({ ...row, case: nameOf(entries), metric: 'policy-changed', value: median(whole) });
    report({ ...row, case: nameOf(entries), metric: 'identity-added', value: median(one) });
  }
}

/** Needs root, two CPUs and about three minutes. */
export async function run(report: (row: BenchRow) => void): Promise<void> {
  prepareTraffic();
  const lab = createTwoNodes('polb-');
  const datapaths: DatapathNode[] = [];
  let reader: NodeJS.Timeout | undefined;
  try {
    datapaths.push(...loadDatapaths(lab));
    for (const [index, datapath] of datapaths.entries()) datapath.attach(lab.nodes[index]);
    reader = startReader(datapaths);
    await measure(lab, datapaths, report);
    measureWriting(lab, datapaths[0], report);
    const lost = { bench: 'policy-datapath', case: 'all', metric: 'events-lost', unit: 'events' };
    report({ ...lost, value: eventsLost(datapaths), baseline: null, ratio: null });
  } finally {
    clearInterval(reader);
    for (const datapath of datapaths) datapath.close();
    lab.remove();
  }
}
