import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePolicies } from '../../../policy/index.ts';
import { parseLabelSelector } from '../../../proto/flow/filter/label-selector.ts';
import { checkDraft, type DraftGoal, readSubjects } from '../../../ui/policy/check-policy.ts';
import { draftNetworkPolicy } from '../../../ui/policy/draft-network-policy.ts';
import { draftPolicy } from '../../../ui/table/policy-draft.ts';
import { sampleFlow } from '../support/sample-flow.ts';

const NAMESPACE = 'k8s:io.kubernetes.pod.namespace';
const goal: DraftGoal = {
  side: 'egress',
  cluster: 'east',
  own: {
    identity: 4711,
    labels: ['k8s:app=promo', `${NAMESPACE}=checkout`, 'k8s:io.cilium.k8s.policy.cluster=east'],
    ip: '10.0.0.1',
    isPod: true,
  },
  peer: {
    identity: 4712,
    labels: [
      'k8s:app=ledger',
      `${NAMESPACE}=payments`,
      'k8s:io.cilium.k8s.policy.cluster=east',
      'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=payments',
    ],
    ip: '10.0.1.2',
    isPod: true,
  },
  port: 8443,
  protocol: 6,
};

describe('a drafted rule', () => {
  it('is valid in both kinds, and allows what it is for and nothing beside it', () => {
    for (const draft of [draftPolicy, draftNetworkPolicy]) {
      const text = draft(sampleFlow())!;
      assert.deepEqual(checkDraft(text, goal), { problems: [], isAllowed: true }, text);
      assert.equal(checkDraft(text, { ...goal, port: 8444 }).isAllowed, false);
      assert.equal(checkDraft(text, { ...goal, protocol: 17 }).isAllowed, false);
    }
  });

  it('is a NetworkPolicy only where that has words for the peer', () => {
    const outside = { source: '10.0.0.1', destination: '203.0.113.9' };
    const text = draftNetworkPolicy(sampleFlow({ IP: outside, destination: { identity: 2 } }))!;
    assert.match(text, /ipBlock:\n +cidr: "?203\.0\.113\.9\/32/);
    assert.equal(parsePolicies(text, 'draft').problems.length, 0);
    assert.equal(draftNetworkPolicy(sampleFlow({ destination: { identity: 1 } })), null);
  });

  it('is told what is wrong with it', () => {
    const { problems, isAllowed } = checkDraft('apiVersion: v2\nkind: NetworkPolicy\n', goal);
    assert.equal(isAllowed, false);
    assert.ok(problems.length > 0);
    assert.deepEqual(checkDraft('kind: Pod', goal).problems, ['it has no policy']);
  });
});

describe('whom a policy selects', () => {
  it('is a selector that flow filters take, with what becomes of the rest', () => {
    const subjects = readSubjects(`apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: a, namespace: shop }
spec:
  enableDefaultDeny: { egress: false }
  endpointSelector:
    matchLabels: { app.kubernetes.io/name: web }
    matchExpressions:
      - { key: tier, operator: NotIn, values: [db, cache] }
      - { key: old, operator: DoesNotExist }
  ingress: [{ fromEntities: [cluster] }]
  egress: [{ toEntities: [world] }]
`)!;
    assert.deepEqual(subjects.rest, { ingress: 'denied', egress: 'passes' });
    assert.equal(subjects.selectors.length, 1);
    const keys = parseLabelSelector(subjects.selectors[0]).map(({ key, operator }) => `${key} ${operator}`);
    assert.ok(keys.includes('tier notin') && keys.includes('old absent'), keys.join('; '));
    assert.ok(keys.some((key) => key.startsWith('io.kubernetes.pod.namespace')));
    assert.equal(readSubjects('kind: ['), null);
  });
});
