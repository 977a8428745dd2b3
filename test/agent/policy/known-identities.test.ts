import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownIdentities } from '../../../agent/policy/known-identities.ts';
import type { ClusterChange, NamedContainerPort } from '../../../cluster/index.ts';
import { pod } from '../datapath/support/pod.ts';

const http: NamedContainerPort = { name: 'http', protocol: 'TCP', port: 80 };
const upsert = (
  name: string,
  identity: number,
  namedPorts: readonly NamedContainerPort[] = [],
): ClusterChange => ({
  kind: 'endpoint-upsert',
  endpoint: pod(name, ['10.0.0.1'], identity, { labels: [`k8s:n=${identity}`], namedPorts }),
});
const remove = (name: string): ClusterChange => ({
  kind: 'endpoint-delete',
  endpoint: pod(name, ['10.0.0.1'], 0),
});

describe('identities of pods', () => {
  it('are told when the first pod has them', () => {
    const known = new KnownIdentities();
    assert.deepEqual(known.apply([upsert('a', 300)]), [{ id: 300, labels: ['k8s:n=300'], namedPorts: [] }]);
    assert.deepEqual(known.apply([upsert('b', 300)]), []);
  });

  it('are told again when their ports have other names', () => {
    const known = new KnownIdentities();
    known.apply([upsert('a', 300)]);
    const [told] = known.apply([upsert('b', 300, [http])]);
    assert.deepEqual(told.namedPorts, [{ name: 'http', protocol: 6, port: 80 }]);
    assert.deepEqual(known.apply([upsert('c', 300, [http])]), []);
  });

  it('are forgotten a while after the last pod went, unless one comes back', () => {
    const known = new KnownIdentities();
    known.apply([upsert('a', 300), upsert('b', 301)]);
    known.apply([remove('a'), remove('b')]);
    assert.equal(known.hasUnused, true);
    assert.deepEqual(known.retire(performance.now()), []);
    known.apply([upsert('a', 300)]);
    assert.deepEqual(known.retire(performance.now() + 60_000), [301]);
    assert.equal(known.hasUnused, false);
  });

  it('of a pod whose labels changed go with the last pod that has them', () => {
    const known = new KnownIdentities();
    known.apply([upsert('a', 300)]);
    assert.deepEqual(
      known.apply([upsert('a', 301)]).map(({ id }) => id),
      [301],
    );
    assert.deepEqual(known.retire(performance.now() + 60_000), [300]);
  });

  it('that a cluster has not agreed on are nobody’s', () => {
    const known = new KnownIdentities();
    assert.deepEqual(known.apply([upsert('a', 0)]), []);
  });
});
