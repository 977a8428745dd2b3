import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planNetwork } from '../../../lab/network/network-plan.ts';
import { labPaths } from '../../../lab/paths.ts';
import { planLab } from '../../../lab/topology/plan.ts';

const plan = planLab('sluice');
const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
const pods = nodes.flatMap((node) => node.pods);

function assertUnique(what: string, values: readonly string[]): void {
  const seen = new Set<string>();
  for (const value of values) {
    assert.ok(!seen.has(value), `${what} ${value} stands for two things`);
    seen.add(value);
  }
}

describe('planLab()', () => {
  it('has two clusters of two nodes, each node with at least four pods', () => {
    assert.deepEqual(
      plan.clusters.map(({ name, id, nodes }) => [name, id, nodes.map(({ name }) => name)]),
      [
        ['east', 1, ['node1', 'node2']],
        ['west', 2, ['node1', 'node2']],
      ],
    );
    for (const node of nodes) assert.ok(node.pods.length >= 4, `${node.cluster}/${node.name}`);
  });

  it('gives no address, namespace or pod name of a cluster to two things', () => {
    const owners = [...nodes, ...pods, ...plan.world, { addresses: plan.gateway }];
    assertUnique(
      'address',
      owners.flatMap(({ addresses }) => [addresses.ipv4, addresses.ipv6]),
    );
    assertUnique('namespace', [
      plan.fabricNetns,
      plan.outsideNetns,
      ...[...nodes, ...pods].map(({ netns }) => netns),
    ]);
    assertUnique(
      'pod',
      pods.map(({ cluster, name, workload }) => `${cluster}/${workload.namespace}/${name}`),
    );
    assertUnique(
      'pod range',
      nodes.flatMap(({ podCidrs }) => [podCidrs.ipv4, podCidrs.ipv6]),
    );
    for (const { pods } of nodes)
      assertUnique(
        'interface',
        pods.map(({ link }) => link),
      );
  });

  it("keeps every pod inside its node's ranges", () => {
    for (const node of nodes) {
      const [v4, v6] = [node.podCidrs.ipv4.replace(/0\/24$/, ''), node.podCidrs.ipv6.replace(/\/64$/, '')];
      for (const { addresses } of node.pods) {
        assert.ok(addresses.ipv4.startsWith(v4) && addresses.ipv6.startsWith(v6), addresses.ipv4);
      }
    }
  });

  it('names only hosts that some DNS server knows, or that are unknown on purpose', () => {
    const services = new Set(
      plan.clusters.flatMap(({ name, nodes }) =>
        nodes.flatMap(({ pods }) =>
          pods.map(({ workload }) => `${name}/${workload.namespace}/${workload.name}`),
        ),
      ),
    );
    const unknownOnPurpose = new Set(['fare.travel', 'fares-v1.travel', 'gone.example.com']);
    for (const { cluster, workload } of pods) {
      for (const host of hostsOf(workload.program)) {
        if (unknownOnPurpose.has(host)) continue;
        if (host.endsWith('.example.com')) {
          assert.ok(
            plan.world.some(({ name }) => host.endsWith(`${name}.example.com`)),
            host,
          );
          continue;
        }
        const [service, namespace = workload.namespace, , other = cluster] = host.split('.');
        assert.ok(services.has(`${other}/${namespace}/${service}`), `${cluster}: ${host}`);
      }
    }
  });

  it('is laid out the same way every time', () => {
    assert.deepEqual(planLab('sluice'), plan);
  });
});

type Program = (typeof pods)[number]['workload']['program'];

function hostsOf(program: Program): string[] {
  if (program.role === 'web') return program.calls.map(({ host }) => host);
  if (program.role === 'client') return program.requests.map(({ call }) => call.host);
  return program.role === 'scanner' || program.role === 'pinger' ? [...program.hosts] : [];
}

describe('planNetwork()', () => {
  it('joins every node and the outside to the bridge, and every pod to its node', () => {
    const { links, namespaces } = planNetwork(plan);
    assert.equal(links.length, nodes.length + 1 + pods.length);
    assert.equal(namespaces.length, nodes.length + 2 + pods.length);
    assertUnique(
      'namespace',
      namespaces.map(({ netns }) => netns),
    );
    const names = new Set(namespaces.map(({ netns }) => netns));
    for (const link of links) {
      const ends = [...link.matchAll(/netns (\S+)/g)].map(([, netns]) => netns);
      assert.equal(ends.length, 2);
      for (const end of ends) assert.ok(names.has(end), end);
    }
  });

  it('can set a namespace up again: nothing is added that may be there', () => {
    for (const { netns, setUp } of planNetwork(plan).namespaces) {
      if (netns === plan.fabricNetns) continue; // its bridge is made once
      for (const command of setUp) assert.match(command, /^(address|route) replace |^link set \S+ up$/);
    }
  });
});

describe('labPaths()', () => {
  it('keeps two labs apart', () => {
    const [a, b] = [labPaths('lab'), labPaths('other')];
    assert.notEqual(a.prefix, b.prefix);
    assert.notEqual(a.runDir, b.runDir);
    assert.notEqual(a.pinDir(nodes[0]), b.pinDir(nodes[0]));
  });
});
