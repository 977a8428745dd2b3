import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readRuleCounts } from '../../../agent/policy/rule-counts.ts';
import { PolicyState, parsePolicies } from '../../../policy/index.ts';

function stateWith(...objects: readonly object[]): PolicyState {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  const { policies } = parsePolicies(JSON.stringify(list), 'p.json');
  const state = new PolicyState({ clusterName: 'east', clusterId: 0 });
  const labels = [
    'k8s:app=web',
    'k8s:io.cilium.k8s.policy.cluster=east',
    'k8s:io.kubernetes.pod.namespace=a',
  ];
  state.update({ policies, endpoints: [{ key: 'web', labels }] });
  return state;
}

const policy = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'p', namespace: 'a' },
  spec: { endpointSelector: {}, ingress: [{ fromEntities: ['world'] }] },
};

function mapOf(...counts: readonly (readonly [cookie: number, decisions: number, audited: number])[]) {
  return {
    entries: () =>
      counts.map(([cookie, decisions, audited]): [Uint8Array, Uint8Array] => [
        new Uint8Array(Uint32Array.of(cookie).buffer),
        new Uint8Array(BigUint64Array.of(BigInt(decisions), BigInt(audited)).buffer),
      ]),
  };
}

describe('decisions by rule', () => {
  it('stand under the object and the rule’s place in it, most first', () => {
    const state = stateWith(policy);
    const [entry] = [...state.policyOf('web')!.ingress.entries.values()].flatMap((table) => [
      ...table.values(),
    ]);
    assert.deepEqual(readRuleCounts(mapOf([0, 2, 1], [entry.cookie, 9, 0]), state.rules), [
      { rule: 'CiliumNetworkPolicy a/p spec.ingress[0]', decisions: 9, audited: 0 },
      { rule: 'default deny', decisions: 2, audited: 1 },
    ]);
  });

  it('of rules that nobody knows any more are added up', () => {
    const { rules } = stateWith();
    assert.deepEqual(readRuleCounts(mapOf([4711, 2, 0], [4712, 3, 0]), rules), [
      { rule: 'rules that are gone', decisions: 5, audited: 0 },
    ]);
  });

  it('of what is implied stand under what it is', () => {
    const { rules } = stateWith();
    assert.deepEqual(
      readRuleCounts(mapOf([1, 2, 0]), rules).map(({ rule }) => rule),
      ['allow-localhost-ingress'],
    );
  });
});
