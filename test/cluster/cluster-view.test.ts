import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ClusterView } from '../../cluster/cluster-view.ts';
import type { ManifestObject } from '../../cluster/manifest/objects.ts';
import { buildPod } from './support/build-manifest.ts';
import { ChangeCollector } from './support/collect-changes.ts';

const identityOf = (labels: readonly string[]): number => 65_792 + labels.join().length;
const createView = (): ClusterView => new ClusterView('east', identityOf);

describe('ClusterView', () => {
  const set = (view: ClusterView, object: ManifestObject): void =>
    view.set(object.kind, object.namespace, object.name, object);

  it('makes no endpoint of a pod in the host network, one that is done, or one without address', () => {
    const view = createView();
    set(view, buildPod({ name: 'host', hostNetwork: true }));
    set(view, buildPod({ name: 'done', phase: 'Succeeded' }));
    set(view, buildPod({ name: 'failed', phase: 'Failed' }));
    set(view, buildPod({ name: 'pending', phase: 'Pending', addresses: [] }));
    assert.deepEqual(view.takeChanges(), []);
  });

  it('hands the address of a pod that is done to the next, the delete first', () => {
    const view = createView();
    set(view, buildPod({ name: 'b' }));
    view.takeChanges();
    set(view, buildPod({ name: 'a' }));
    set(view, buildPod({ name: 'b', phase: 'Succeeded' }));
    assert.deepEqual(
      view.takeChanges().map(({ kind }) => kind),
      ['endpoint-delete', 'endpoint-upsert'],
    );
    assert.deepEqual(view.problems, []);
  });

  it('gives an address that two pods claim to the first by name, and says so', () => {
    const view = createView();
    set(view, buildPod({ name: 'b', addresses: ['10.1.0.1', 'fd00::1'] }));
    set(view, buildPod({ name: 'a', addresses: ['10.1.0.1'] }));
    const seen = new ChangeCollector();
    seen.listener(view.takeChanges());
    assert.deepEqual(seen.endpoint('a')!.addresses, ['10.1.0.1']);
    assert.deepEqual(seen.endpoint('b')!.addresses, ['fd00::1']);
    assert.deepEqual(view.problems, [
      {
        where: 'Pod "travel/b"',
        message: 'address 10.1.0.1 is not used for it: Pod "travel/a" has the same',
      },
    ]);
  });

  it('gives a service without selector the addresses of all its slices, whatever comes first', () => {
    const view = createView();
    const service = (selector: Record<string, string>): ManifestObject => ({
      kind: 'Service',
      namespace: 'travel',
      name: 'bank',
      clusterIps: [],
      ports: [],
      selector,
    });
    const slice = (name: string, addresses: string[], of = 'bank'): ManifestObject => ({
      kind: 'EndpointSlice',
      namespace: 'travel',
      name,
      service: of,
      addresses,
    });
    const backends = (): unknown =>
      view.takeChanges().map((change) => (change.kind === 'service-upsert' ? change.service.backends : null));
    set(view, slice('bank-a', ['203.0.113.2']));
    set(view, service({}));
    assert.deepEqual(backends(), [['203.0.113.2']]);
    set(view, slice('bank-b', ['203.0.113.1', '203.0.113.2']));
    assert.deepEqual(backends(), [['203.0.113.1', '203.0.113.2']]);
    set(view, slice('bank-b', ['203.0.113.1'], 'other'));
    assert.deepEqual(backends(), [['203.0.113.2']]);
    view.set('EndpointSlice', 'travel', 'bank-a', undefined);
    assert.deepEqual(backends(), [undefined]);
    set(view, slice('bank-a', ['203.0.113.2']));
    set(view, service({ app: 'bank' }));
    assert.deepEqual(backends(), [undefined], 'a selector picks pods');
  });

  it('tells nothing when a manifest changes in what nobody sees', () => {
    const view = createView();
    set(view, buildPod({ labels: { app: 'search', 'pod-template-hash': 'a' } }));
    view.takeChanges();
    set(view, buildPod({ labels: { app: 'search', 'pod-template-hash': 'b' } }));
    assert.deepEqual(view.takeChanges(), []);
  });

  it('lets pods of the same labels share one array', () => {
    const view = createView();
    set(view, buildPod({ name: 'a', addresses: ['10.1.0.1'] }));
    set(view, buildPod({ name: 'b', addresses: ['10.1.0.2'] }));
    const seen = new ChangeCollector();
    seen.listener(view.takeChanges());
    assert.equal(seen.endpoint('a')!.labels, seen.endpoint('b')!.labels);
  });

  const name = fc.constantFrom('a', 'b', 'c');
  const labels = fc.dictionary(fc.constantFrom('app', 'tier'), fc.constantFrom('x', 'y'));
  const address = fc.constantFrom('10.1.0.1', '10.1.0.2', 'fd00::1', 'fd00::2');
  const object: fc.Arbitrary<ManifestObject> = fc.oneof(
    fc
      .record({
        name,
        labels,
        namespace: fc.constantFrom('n1', 'n2'),
        addresses: fc.uniqueArray(address, { maxLength: 2 }),
        phase: fc.constantFrom('Running', 'Running', 'Succeeded'),
        hostNetwork: fc.constantFrom(false, false, true),
      })
      .map(buildPod),
    fc.record({ name: fc.constantFrom('n1', 'n2'), labels }).map((fields) => ({
      kind: 'Namespace' as const,
      namespace: '' as const,
      ...fields,
    })),
    fc.record({ name, labels, addresses: fc.uniqueArray(address, { maxLength: 2 }) }).map((fields) => ({
      kind: 'Node' as const,
      namespace: '' as const,
      podCidrs: [],
      ...fields,
    })),
    fc.record({ name, selector: labels, clusterIps: fc.uniqueArray(address) }).map((fields) => ({
      kind: 'Service' as const,
      namespace: 'n1',
      ports: [],
      ...fields,
    })),
    fc
      .record({ name, service: name, addresses: fc.uniqueArray(address, { maxLength: 2 }) })
      .map((fields) => ({ kind: 'EndpointSlice' as const, namespace: 'n1', ...fields })),
    fc.record({ name, cidrs: fc.subarray(['10.0.0.0/8', 'fd00::/8']) }).map((fields) => ({
      kind: 'CiliumCIDRGroup' as const,
      namespace: '' as const,
      ...fields,
    })),
  );
  const step = fc.record({ object, remove: fc.boolean(), take: fc.boolean() });

  it('comes to the same state by any way, each change following what was told before', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const view = createView();
        const seen = new ChangeCollector(); // throws where `old` or a delete is not what it was told
        const present = new Map<string, ManifestObject>();
        for (const { object, remove, take } of steps) {
          const key = `${object.kind}/${object.namespace}/${object.name}`;
          if (remove) present.delete(key);
          else present.set(key, object);
          view.set(object.kind, object.namespace, object.name, remove ? undefined : object);
          if (take) seen.listener(view.takeChanges());
        }
        seen.listener(view.takeChanges());
        const fresh = createView();
        for (const object of present.values()) set(fresh, object);
        const expected = new ChangeCollector();
        expected.listener(fresh.takeChanges());
        assert.deepEqual(seen.objects, expected.objects);
        assert.deepEqual(new Set(view.problems), new Set(fresh.problems));
      }),
      { numRuns: 500 },
    );
  });
});
