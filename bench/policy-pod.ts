/**
 * A pod that comes or goes among 10,000 of one node, with 3,000 policies: time until the kernel's maps of this node say what it may do, and what all others may do with it.
 * The agent's own path from a change of cluster state to the last write. Needs root, a gigabyte of memory and about a minute.
 */
import { DatapathSettings } from '../agent/datapath/datapath-settings.ts';
import { PolicyEnforcement } from '../agent/policy/policy-enforcement.ts';
import type { ClusterChange, PodEndpoint } from '../cluster/index.ts';
import { parsePolicies } from '../policy/index.ts';
import { cpuSeconds, median, type Bench } from './report.ts';
import { DatapathNode } from './support/datapath-node.ts';
import { fleetIdentity, fleetLabels, fleetPolicy } from './support/policy-fleet.ts';

const POLICIES = 3_000;
const PODS = 10_000;
const ROUNDS = 200;
const MAP_ENTRIES = 4 << 20;

function podOf(index: number, identity: number, labels: readonly string[]): PodEndpoint {
  const namespace = /namespace=(team-\d+)$/.exec(labels.find((label) => label.includes('.pod.namespace='))!)!;
  return {
    cluster: 'default',
    namespace: namespace[1],
    podName: `pod-${index}`,
    nodeName: 'node1',
    addresses: [],
    labels,
    identity,
    workloads: [],
  };
}

const keyOf = ({ namespace, podName }: PodEndpoint): string => `${namespace}/${podName}`;

export const run: Bench = async (report) => {
  const datapath = new DatapathNode({
    ringBytesPerCpu: 0,
    maxEntries: { policy: MAP_ENTRIES, endpoint_policies: 65_536 },
  });
  const { object } = datapath;
  const settings = new DatapathSettings(object.map('settings'), {
    aggregation: 'medium',
    aggregationIntervalMs: 5000,
    captureBytes: 0,
    noRedirect: false,
  });
  let problem = '';
  const enforcement = new PolicyEnforcement(
    {
      clusterName: 'default',
      clusterId: 0,
      nodeName: 'node1',
      mode: 'default',
      hostFirewall: false,
      audits: false,
    },
    {
      policy: object.map('policy'),
      endpointPolicies: object.map('endpoint_policies'),
      ranges: object.map('ipcache_cidr'),
      ruleCounters: object.map('rule_counters'),
    },
    settings,
    {
      onRules: () => undefined,
      onIdentities: () => undefined,
      onProblems: ([first]) => {
        if (first !== undefined) problem = `${first.where}: ${first.message}`;
      },
    },
  );
  try {
    const policies = Array.from({ length: POLICIES }, (_, i) => fleetPolicy(i)).flatMap(
      (text) => parsePolicies(text, 'policy.json').policies,
    );
    enforcement.apply(policies.map((policy): ClusterChange => ({ kind: 'policy-upsert', policy })));
    const pods = Array.from({ length: PODS }, (_, i) => {
      const { id, labels } = fleetIdentity(i);
      return podOf(i, id, labels);
    });
    enforcement.apply(pods.map((endpoint): ClusterChange => ({ kind: 'endpoint-upsert', endpoint })));
    for (const [i, pod] of pods.entries()) enforcement.assign(keyOf(pod), i + 1);
    enforcement.finishInitial();
    measure(enforcement, report);
    if (problem !== '') throw new Error(problem);
  } finally {
    enforcement.close();
    datapath.close();
  }
};

function measure(enforcement: PolicyEnforcement, report: Parameters<Bench>[0]): void {
  const added: number[] = [];
  const addedCpu: number[] = [];
  const removed: number[] = [];
  const before = enforcement.entryCount;
  for (let i = 0; i < ROUNDS; i++) {
    const pod = podOf(PODS + i, 50_000 + i, fleetLabels(i, (i % 8) * 5, 1_000 + i));
    const cpu = cpuSeconds();
    const startMs = performance.now();
    enforcement.apply([{ kind: 'endpoint-upsert', endpoint: pod }]);
    enforcement.assign(keyOf(pod), PODS + 1 + i);
    added.push(performance.now() - startMs);
    addedCpu.push((cpuSeconds() - cpu) * 1000);
    if (i % 2 === 0) continue;
    const goneMs = performance.now();
    enforcement.release(keyOf(pod));
    enforcement.apply([{ kind: 'endpoint-delete', endpoint: pod }]);
    removed.push(performance.now() - goneMs);
  }
  const row = { bench: 'policy-pod', unit: 'ms', baseline: null, ratio: null };
  const report3 = (name: string, metric: string, times: number[]): void => {
    const sorted = times.toSorted((a, b) => a - b);
    report({ ...row, case: name, metric: `${metric}, median`, value: median(times) });
    report({ ...row, case: name, metric: `${metric}, p99`, value: sorted[Math.floor(times.length * 0.99)] });
    report({ ...row, case: name, metric: `${metric}, longest`, value: sorted.at(-1)! });
  };
  report3('one pod added among 10,000', 'time', added);
  report3('one pod added among 10,000', 'CPU', addedCpu);
  report3('one pod removed among 10,000', 'time', removed);
  report({ ...row, case: '10,000 pods', metric: 'entries', value: before, unit: 'entries' });
}
