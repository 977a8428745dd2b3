import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyLayouts } from '../../../agent/policy/policy-layout.ts';
import { RuleHits } from '../../../agent/policy/rule-hits.ts';
import { PolicyCounts } from '../../../agent/serve/policy-counts.ts';
import { type NamedRule, PolicyState } from '../../../policy/index.ts';
import { FakePolicyMap } from './support/fake-policy-map.ts';

const key = (cookie: number): Uint8Array => new Uint8Array(Uint32Array.of(cookie).buffer);

function put(map: FakePolicyMap, cookie: number, decisions: number, audited = 0): void {
  const value = Buffer.alloc(policyLayouts.rule_counter.size);
  value.writeBigUInt64LE(BigInt(decisions), policyLayouts.rule_counter.decisions);
  value.writeBigUInt64LE(BigInt(audited), policyLayouts.rule_counter.audited);
  map.update(key(cookie), value);
}

describe('decisions of rules', () => {
  it('have a time once they grow, and none before', () => {
    const map = new FakePolicyMap(4);
    put(map, 20, 5);
    const hits = new RuleHits(map, 1000);
    assert.deepEqual([hits.read(2000).get(20)?.decisions, hits.read(2000).get(20)?.lastMs], [5, null]);
    put(map, 20, 6);
    put(map, 21, 1);
    const read = hits.read(3000);
    assert.deepEqual([read.get(20)?.lastMs, read.get(21)?.lastMs], [3000, 3000]);
    assert.equal(hits.read(9000).get(20)?.lastMs, 3000);
  });

  it('have a rate over the last ten to twenty seconds', () => {
    const map = new FakePolicyMap(4);
    const hits = new RuleHits(map, 0);
    for (let second = 1; second <= 60; second++) {
      put(map, 20, second * 10, second);
      hits.tick(second * 1000);
    }
    const { decisionRate, auditedRate } = hits.read(60_500).get(20)!;
    assert.ok(Math.abs(decisionRate - 10) < 1.5, String(decisionRate));
    assert.ok(Math.abs(auditedRate - 1) < 0.2, String(auditedRate));
    for (let second = 61; second <= 90; second++) hits.tick(second * 1000);
    assert.equal(hits.read(90_500).get(20)?.decisionRate, 0);
  });

  it('are looked up seldom, however often they are asked for', () => {
    const map = new FakePolicyMap(4);
    let looks = 0;
    const counting = {
      entries: () => {
        looks++;
        return map.entries();
      },
    };
    const hits = new RuleHits(counting, 0);
    for (let ms = 0; ms < 1000; ms += 10) hits.read(ms);
    assert.ok(looks <= 12, String(looks));
  });

  it('are added up by rule and by policy, each decision of a policy once', () => {
    const { rules } = new PolicyState({ clusterName: 'east', clusterId: 0 });
    const rule = (name: string, path: string, isDeny = false): NamedRule => ({
      kind: 'CiliumNetworkPolicy',
      namespace: 'shop',
      name,
      labels: [],
      log: '',
      direction: 'ingress',
      isDeny,
      path,
    });
    const first = rules.acquire(rule('web', 'spec.ingress[0]'));
    const second = rules.acquire(rule('web', 'spec.ingress[1]'));
    const deny = rules.acquire(rule('guard', 'spec.ingressDeny[0]', true));
    const map = new FakePolicyMap(4);
    put(map, rules.cookieOf([first]), 1);
    put(map, rules.cookieOf([first, second]), 10);
    put(map, rules.cookieOf([deny]), 7, 3);
    put(map, 0, 100, 40);
    put(map, 1, 2); // the node reaches its pods
    put(map, 0x7fff_fff0, 9); // nobody knows it any more
    const counts = new PolicyCounts(new RuleHits(map, 0), rules, 1000);
    const web = { kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'web' };
    assert.equal(counts.ofPolicy(web).message(0).allowed, 11n);
    assert.equal(counts.ofRule(web, 'spec.ingress[0]').message(0).allowed, 11n);
    assert.equal(counts.ofRule(web, 'spec.ingress[1]').message(0).allowed, 10n);
    const guard = counts.ofPolicy({ ...web, name: 'guard' }).message(0);
    assert.deepEqual([guard.allowed, guard.denied, guard.audited], [0n, 4n, 3n]);
    const byDefault = counts.defaultDeny.message(0);
    assert.deepEqual([byDefault.denied, byDefault.audited], [60n, 40n]);
    assert.equal(counts.implied.message(0).allowed, 2n);
    assert.equal(counts.forgotten.message(0).allowed, 9n);
    assert.equal(counts.ofPolicy({ ...web, name: 'other' }).message(0).allowed, 0n);
  });
});
