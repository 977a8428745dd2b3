import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownNodes } from '../../../agent/policy/known-nodes.ts';
import type { ClusterChange, ClusterNode } from '../../../cluster/index.ts';
import { classOf, CLASS_REMOTE_NODES, parsePolicies } from '../../../policy/index.ts';

const own = { clusterName: 'east', nodeName: 'n1' };
const node = (name: string, labels: readonly string[] = [], cluster = 'east'): ClusterNode => ({
  name,
  cluster,
  addresses: [],
  podCidrs: [],
  labels,
});
const upsert = (...args: Parameters<typeof node>): ClusterChange => ({
  kind: 'node-upsert',
  node: node(...args),
});
const remove = (...args: Parameters<typeof node>): ClusterChange => ({
  kind: 'node-delete',
  node: node(...args),
});

function policy(ingress: object, kind: 'policy-upsert' | 'policy-delete' = 'policy-upsert'): ClusterChange {
  const { policies, problems } = parsePolicies(
    JSON.stringify({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { endpointSelector: {}, ingress: [ingress] },
    }),
    'p.json',
  );
  assert.deepEqual(problems, []);
  return { kind, policy: policies[0] };
}
const fromZone = { fromNodes: [{ matchLabels: { zone: 'b' } }] };

describe('other nodes', () => {
  it('are all remote-node as long as no policy tells them apart', () => {
    const nodes = new KnownNodes(own);
    const { identities, renumbered } = nodes.apply([
      upsert('n1'),
      upsert('n2'),
      policy({ fromEntities: ['remote-node'] }),
    ]);
    assert.deepEqual([identities, renumbered], [[], []]);
    assert.deepEqual([nodes.identityOf(node('n1')), nodes.identityOf(node('n2'))], [1, 6]);
  });

  it('have identities of their own while one does, in every cluster, but for the node itself', () => {
    const nodes = new KnownNodes(own);
    nodes.apply([upsert('n1', ['zone=b']), upsert('n2', ['zone=b']), upsert('n1', [], 'west')]);
    const { identities, renumbered } = nodes.apply([policy(fromZone)]);
    assert.deepEqual(
      renumbered.map(({ cluster, name }) => `${cluster}/${name}`),
      ['east/n2', 'west/n1'],
    );
    assert.deepEqual(
      identities.map(({ labels }) => labels),
      [
        ['k8s:io.cilium.k8s.policy.cluster=east', 'node:zone=b', 'reserved:remote-node'],
        ['k8s:io.cilium.k8s.policy.cluster=west', 'reserved:remote-node'],
      ],
    );
    assert.deepEqual(
      renumbered.map((one) => nodes.identityOf(one)),
      identities.map(({ id }) => id),
    );
    for (const { id } of identities) assert.equal(classOf(id, 0), CLASS_REMOTE_NODES);
    assert.equal(nodes.identityOf(node('n1')), 1);
  });

  it('that come or change under such a policy are told, once', () => {
    const nodes = new KnownNodes(own);
    nodes.apply([policy(fromZone)]);
    const [told] = nodes.apply([upsert('n2')]).identities;
    const [again] = nodes.apply([upsert('n2', ['zone=b'])]).identities;
    assert.deepEqual([again.id, again.labels.includes('node:zone=b')], [told.id, true]);
    assert.deepEqual(nodes.apply([policy(fromZone)]), { identities: [], renumbered: [] });
  });

  it('keep their numbers over a new agent', () => {
    const idOf = (): number => {
      const nodes = new KnownNodes(own);
      nodes.apply([policy(fromZone), upsert('n3'), upsert('n2')]);
      return nodes.identityOf(node('n2'));
    };
    assert.equal(idOf(), idOf());
  });

  it('are remote-node again without such a policy; their identities are forgotten a while later', () => {
    const nodes = new KnownNodes(own);
    nodes.apply([policy(fromZone), upsert('n2')]);
    const id = nodes.identityOf(node('n2'));
    const { renumbered } = nodes.apply([policy(fromZone, 'policy-delete')]);
    assert.deepEqual([renumbered.length, nodes.identityOf(node('n2'))], [1, 6]);
    assert.deepEqual([nodes.hasUnused, nodes.retire(performance.now())], [true, []]);
    assert.deepEqual(nodes.retire(performance.now() + 60_000), [id]);
    assert.equal(nodes.hasUnused, false);
  });

  it('that go and come back in time keep what they had', () => {
    const nodes = new KnownNodes(own);
    nodes.apply([policy(fromZone), upsert('n2')]);
    const id = nodes.identityOf(node('n2'));
    nodes.apply([remove('n2')]);
    nodes.apply([upsert('n2')]);
    assert.deepEqual([nodes.identityOf(node('n2')), nodes.retire(performance.now() + 60_000)], [id, []]);
  });
});
