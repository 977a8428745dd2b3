/** A policy of so many entries for the traffic of benchmarks, and how it comes into the maps of a node that no agent runs on. */
import { PolicySets } from '../../agent/policy/policy-sets.ts';
import { parsePolicies, PolicyState } from '../../policy/index.ts';
import type { DatapathNode } from './datapath-node.ts';
import { TRAFFIC_PORT } from './traffic-sample.ts';
import type { Pod, TwoNodes } from './two-nodes.ts';

/** Identities of pods that never come; those of the cast are below 2000. */
const FIRST_PEER = 10_000;

/** Labels of all who may speak. */
export const labels = (app: string): string[] => [
  `k8s:app=${app}`,
  'k8s:io.cilium.k8s.policy.cluster=east',
  'k8s:io.kubernetes.pod.namespace=bench',
];

/** A port for many peers, a range of ports for everybody, and the whole of a range of addresses. */
export const policy = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'bench', namespace: 'bench' },
  spec: {
    endpointSelector: {},
    ingress: [
      {
        fromEndpoints: [{ matchLabels: { app: 'peer' } }],
        toPorts: [{ ports: [{ port: String(TRAFFIC_PORT), protocol: 'TCP' }] }],
      },
      { toPorts: [{ ports: [{ port: '20000', endPort: 20_100, protocol: 'UDP' }] }] },
    ],
    egress: [
      {
        toEndpoints: [{ matchLabels: { app: 'peer' } }],
        toPorts: [{ ports: [{ port: String(TRAFFIC_PORT), protocol: 'TCP' }] }],
      },
      { toCIDR: ['198.51.100.0/24'] },
    ],
  },
};

/** A state in which the pods of the cast have that many entries, give or take a few. */
export function stateOf(lab: TwoNodes, entries: number): PolicyState {
  const { policies } = parsePolicies(JSON.stringify(policy), 'bench.json');
  const state = new PolicyState({ clusterName: 'east', clusterId: 0 });
  const cast = lab.nodes.flatMap(({ pods }) => pods.map(({ identity }) => identity));
  const others = Array.from({ length: Math.max(0, entries / 2 - cast.length) }, (_, i) => FIRST_PEER + i);
  state.update({
    policies: entries === 0 ? [] : policies,
    identities: [...cast, ...others].map((id) => ({ id, labels: labels('peer') })),
    endpoints: [{ key: 'pod', labels: labels('peer') }],
  });
  return state;
}

/** Puts a state's policy in force for pods. */
export function enforce(datapath: DatapathNode, pods: readonly Pod[], state: PolicyState): void {
  const { object } = datapath;
  const sets = new PolicySets(object.map('policy'), object.map('endpoint_policies'));
  for (const { endpointId, netns } of pods) sets.assign(endpointId, netns, state.policyOf('pod')!, false);
  sets.finishInitial();
}
