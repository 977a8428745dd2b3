import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namingLabels, stableLabels } from '../../../policy/suggest/stable-labels.ts';

describe('stableLabels()', () => {
  it('leaves out what is derived, or changes with a rollout or from pod to pod', () => {
    const labels = [
      'k8s:io.kubernetes.pod.namespace=shop',
      'k8s:io.cilium.k8s.policy.cluster=east',
      'k8s:pod-template-hash=6f7d9',
      'k8s:version=v3',
      'k8s:helm.sh/chart=cart-1.2',
      'k8s:statefulset.kubernetes.io/pod-name=cart-0',
      'reserved:world',
    ];
    assert.deepEqual(stableLabels([...labels, 'k8s:app=cart']), [['app', 'cart']]);
    assert.deepEqual(stableLabels(labels), []);
  });

  it('gives names before groups, and these before the rest', () => {
    const labels = [
      'k8s:zone=a',
      'k8s:tier=back',
      'k8s:app=cart',
      'k8s:app.kubernetes.io/name=cart',
      'k8s:b=',
    ];
    assert.deepEqual(stableLabels(labels), [
      ['app.kubernetes.io/name', 'cart'],
      ['app', 'cart'],
      ['tier', 'back'],
      ['b', ''],
      ['zone', 'a'],
    ]);
  });
});

describe('namingLabels()', () => {
  it('gives what names a workload, and all that is stable where nothing does', () => {
    assert.deepEqual(namingLabels(['k8s:tier=back', 'k8s:app=cart']), [['app', 'cart']]);
    assert.deepEqual(namingLabels(['k8s:zone=a', 'k8s:tier=back']), [
      ['tier', 'back'],
      ['zone', 'a'],
    ]);
  });
});
