import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isIdentityRelevant, securityLabels } from '../../cluster/security-labels.ts';
import { workloadOf } from '../../cluster/workload.ts';
import { buildPod } from './support/build-manifest.ts';

describe('securityLabels()', () => {
  it("joins a pod's own labels with what follows from its namespace, account and cluster", () => {
    const pod = buildPod({
      namespace: 'travel',
      labels: { app: 'search', 'app.kubernetes.io/name': 'search', 'pod-template-hash': '7d4' },
      serviceAccount: 'searcher',
    });
    const namespace = { kind: 'Namespace', namespace: '', name: 'travel', labels: { team: 'web' } } as const;
    assert.deepEqual(securityLabels(pod, namespace, 'east'), [
      'k8s:app.kubernetes.io/name=search',
      'k8s:app=search',
      'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=travel',
      'k8s:io.cilium.k8s.namespace.labels.team=web',
      'k8s:io.cilium.k8s.policy.cluster=east',
      'k8s:io.cilium.k8s.policy.serviceaccount=searcher',
      'k8s:io.kubernetes.pod.namespace=travel',
    ]);
  });

  it('does not let a pod pass for one of another namespace, account or cluster', () => {
    const forged = {
      'io.kubernetes.pod.namespace': 'kube-system',
      'io.cilium.k8s.policy.serviceaccount': 'admin',
      'io.cilium.k8s.policy.cluster': 'west',
      'io.cilium.k8s.namespace.labels.team': 'security',
    };
    const honest = securityLabels(buildPod({ labels: {} }), undefined, 'east');
    assert.deepEqual(securityLabels(buildPod({ labels: forged }), undefined, 'east'), honest);
  });

  it("does not let a namespace's labels hide its name", () => {
    const labels = { 'kubernetes.io/metadata.name': 'kube-system' };
    const namespace = { kind: 'Namespace', namespace: '', name: 'travel', labels } as const;
    assert.ok(
      securityLabels(buildPod({ namespace: 'travel' }), namespace, 'east').includes(
        'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=travel',
      ),
    );
  });
});

describe('isIdentityRelevant()', () => {
  const noise = [
    'pod-template-hash',
    'controller-revision-hash',
    'pod-template-generation',
    'statefulset.kubernetes.io/pod-name',
    'apps.kubernetes.io/pod-index',
    'batch.kubernetes.io/controller-uid',
    'controller-uid',
    'kubernetes.io/hostname',
    'k8s.io/cluster',
    'failure-domain.beta.kubernetes.io/zone',
    'annotation.kubernetes.io/x',
    'io.kubernetes.container.name',
  ];
  for (const key of noise) it(`leaves ${key} out`, () => assert.equal(isIdentityRelevant(key), false));
  for (const key of ['app', 'app.kubernetes.io/name', 'k8s-app', 'example.org/tier', 'name']) {
    it(`keeps ${key}`, () => assert.equal(isIdentityRelevant(key), true));
  }
});

describe('workloadOf()', () => {
  const owner = (kind: string, name: string, controller = true) => ({ kind, name, controller });
  it('is the Deployment behind a ReplicaSet with a pod template hash', () => {
    const labels = { 'pod-template-hash': '7d4b9c6f5' };
    const pod = buildPod({ labels, owners: [owner('ReplicaSet', 'search-7d4b9c6f5')] });
    assert.deepEqual(workloadOf(pod), { name: 'search', kind: 'Deployment' });
  });
  it('is the ReplicaSet itself when nothing shows that a Deployment made it', () => {
    const pod = buildPod({ owners: [owner('ReplicaSet', 'search-7d4b9c6f5')] });
    assert.deepEqual(workloadOf(pod), { name: 'search-7d4b9c6f5', kind: 'ReplicaSet' });
  });
  it('is the CronJob behind a Job that is named by a time', () => {
    const pod = buildPod({ owners: [owner('Job', 'report-28911840')] });
    assert.deepEqual(workloadOf(pod), { name: 'report', kind: 'CronJob' });
  });
  it('is the Job when its name holds no time', () => {
    const pod = buildPod({ owners: [owner('Job', 'migrate-2')] });
    assert.deepEqual(workloadOf(pod), { name: 'migrate-2', kind: 'Job' });
  });
  it('is the owner that controls the pod, not the first', () => {
    const pod = buildPod({ owners: [owner('Policy', 'p', false), owner('StatefulSet', 'ledger')] });
    assert.deepEqual(workloadOf(pod), { name: 'ledger', kind: 'StatefulSet' });
  });
  it('is the pod when nobody owns it', () => {
    assert.deepEqual(workloadOf(buildPod({ name: 'probe' })), { name: 'probe', kind: 'Pod' });
  });
});
