import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clusterManifests } from '../../../lab/topology/manifests.ts';
import { planLab, type PodPlan } from '../../../lab/topology/plan.ts';
import { lookUpPolicy, parsePolicies, PolicyState } from '../../../policy/index.ts';

const plan = planLab('x');
const pods = plan.clusters.flatMap((cluster) =>
  cluster.nodes.flatMap(({ pods }) => pods.map((pod) => ({ ...pod, clusterId: cluster.id }))),
);
type Pod = (typeof pods)[number];

/** A number for each workload of each cluster. */
const identityOf = ({ cluster, clusterId, workload }: Pod): number => {
  const names = [
    ...new Set(pods.filter((pod) => pod.cluster === cluster).map((pod) => pod.workload.name)),
  ].sort();
  return (clusterId << 16) + 256 + names.indexOf(workload.name);
};
const labelsOf = ({ cluster, workload }: PodPlan): string[] => [
  ...Object.entries(workload.labels).map(([key, value]) => `k8s:${key}=${value}`),
  `k8s:io.cilium.k8s.policy.cluster=${cluster}`,
  `k8s:io.kubernetes.pod.namespace=${workload.namespace}`,
];

const states = new Map(
  plan.clusters.map((cluster) => {
    const text = clusterManifests(cluster).get('policies.yaml')!;
    const { policies, problems, notes } = parsePolicies(text, 'policies.yaml');
    const state = new PolicyState({ clusterName: cluster.name, clusterId: cluster.id });
    state.update({
      policies,
      identities: pods.map((pod) => ({ id: identityOf(pod), labels: labelsOf(pod) })),
      endpoints: pods
        .filter((pod) => pod.cluster === cluster.name)
        .map((pod) => ({ key: pod.workload.name, labels: labelsOf(pod) })),
    });
    return [cluster.name, { state, problems: [...problems, ...notes], clusterId: cluster.id }] as const;
  }),
);

function verdict(
  direction: 'ingress' | 'egress',
  pod: Pod,
  peer: number,
  protocol: number,
  port: number,
): string {
  const { state, clusterId } = states.get(pod.cluster)!;
  const policy = state.policyOf(pod.workload.name)!;
  return lookUpPolicy(policy, direction, clusterId, peer, protocol, port).verdict;
}

const named = (cluster: string, name: string): Pod => {
  const found = pods.find((pod) => pod.cluster === cluster && pod.workload.name === name);
  if (found === undefined) throw new Error(`no ${name} in ${cluster}`);
  return found;
};

/** Pods that the calls of pods lead to, as their host names say. */
const calls = pods.flatMap((from) => {
  const { program } = from.workload;
  const made =
    program.role === 'web'
      ? program.calls
      : program.role === 'client'
        ? program.requests.map(({ call }) => call)
        : [];
  return made.flatMap(({ host, port }) => {
    const [name, , , cluster = from.cluster] = host.split('.');
    const to = pods.find((pod) => pod.cluster === cluster && pod.workload.name === name);
    return to === undefined ? [] : [{ from, to, port }];
  });
});

describe('the policies of the lab', () => {
  it('are sound', () => {
    for (const { problems } of states.values()) assert.deepEqual(problems, []);
  });

  it('let the application work, over clusters where it does', () => {
    assert.ok(calls.length > 20);
    for (const { from, to, port } of calls) {
      if (port === 8443) continue;
      const way = `${from.cluster}/${from.workload.name} to ${to.cluster}/${to.workload.name}:${port}`;
      assert.equal(verdict('egress', from, identityOf(to), 6, port), 'allow', `egress, ${way}`);
      assert.equal(verdict('ingress', to, identityOf(from), 6, port), 'allow', `ingress, ${way}`);
    }
  });

  it('let everybody ask for names', () => {
    for (const from of pods) {
      if (from.workload.namespace === 'kube-system') continue;
      const dns = named(from.cluster, 'coredns');
      for (const protocol of [6, 17]) {
        assert.equal(verdict('egress', from, identityOf(dns), protocol, 53), 'allow', from.name);
        assert.equal(verdict('ingress', dns, identityOf(from), protocol, 53), 'allow', from.name);
      }
    }
  });

  it('deny what nobody needs', () => {
    const [traveller, frontend, ledger, audit] = ['traveller', 'frontend', 'ledger', 'port-audit'].map(
      (name) => named('east', name),
    );
    assert.equal(verdict('egress', traveller, identityOf(frontend), 6, 8443), 'default-deny');
    assert.equal(verdict('ingress', ledger, identityOf(audit), 6, 8080), 'default-deny');
    assert.equal(verdict('ingress', frontend, 9, 6, 22), 'default-deny');
    assert.equal(verdict('ingress', frontend, 9, 6, 8080), 'allow');
  });

  it('deny the way to hosts that are gone by a rule of their own', () => {
    const { state } = states.get('east')!;
    const gone = [...state.cidrs.entries()].find(([cidr]) => cidr === '198.51.100.0/24')![1].id;
    assert.equal(verdict('egress', named('east', 'traveller'), gone, 6, 8080), 'deny');
  });
});
