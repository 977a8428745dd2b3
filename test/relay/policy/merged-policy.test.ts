import assert from 'node:assert/strict';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { describe, it } from 'node:test';
import { type Policy, PolicySchema, PolicyState } from '../../../proto/gen/sluice/v1/policy_pb.ts';
import { MergedPolicy } from '../../../relay/policy/merged-policy.ts';

/** A policy as one node tells it. */
function told(
  node: string,
  digest: string,
  more: MessageInitShape<typeof PolicySchema> & { changedMs?: number; atStart?: boolean } = {},
): Policy {
  const { changedMs = 1000, atStart = false, ...fields } = more;
  const changed = timestampFromMs(changedMs);
  return create(PolicySchema, {
    cluster: 'east',
    kind: 'CiliumNetworkPolicy',
    namespace: 'shop',
    name: 'web',
    file: `${digest}.yaml`,
    digest,
    state: PolicyState.IN_FORCE,
    changed,
    versions: [{ digest, nodes: 1, nodesEnforced: 1, nodeNames: [node], changed, wasReadAtStart: atStart }],
    ...fields,
  });
}

function merge(total: number, ...policies: Policy[]): Policy {
  const merged = new MergedPolicy();
  for (const policy of policies) merged.add(policy);
  return merged.message(total);
}

describe('a policy of several nodes', () => {
  it('has the sum of their decisions, by policy and by rule', () => {
    const rule = (allowed: bigint, lastMs: number): MessageInitShape<typeof PolicySchema> => ({
      endpoints: 2,
      counts: { allowed, deniedRate: 0.5, watchedSince: timestampFromMs(lastMs - 10) },
      rules: [
        {
          address: 'CiliumNetworkPolicy/shop/web#ingress[0]',
          counts: { allowed, last: timestampFromMs(lastMs) },
        },
      ],
    });
    const policy = merge(2, told('east/n1', 'a', rule(3n, 5000)), told('east/n2', 'a', rule(4n, 4000)));
    assert.equal(policy.counts?.allowed, 7n);
    assert.equal(policy.counts.deniedRate, 1);
    assert.equal(timestampMs(policy.counts.watchedSince!), 4990);
    assert.equal(policy.endpoints, 4);
    const [{ counts }] = policy.rules;
    assert.deepEqual([counts?.allowed, timestampMs(counts!.last!)], [7n, 5000]);
    assert.deepEqual([policy.nodesEnforced, policy.nodesTotal, policy.nodesBehind], [2, 2, []]);
  });

  it('is told in the newest version that a node saw come, with those that are behind', () => {
    const old = { changedMs: 9000, atStart: true };
    const policy = merge(
      4,
      told('east/n1', 'old', old),
      told('east/n2', 'old', old),
      told('east/n3', 'new', { changedMs: 5000 }),
    );
    assert.deepEqual([policy.digest, policy.file], ['new', 'new.yaml']);
    assert.deepEqual([policy.nodesEnforced, policy.nodesTotal], [1, 4]);
    assert.deepEqual(policy.nodesBehind, ['east/n1', 'east/n2']);
    assert.deepEqual(
      policy.versions.map(({ digest, nodes }) => [digest, nodes]),
      [
        ['new', 1],
        ['old', 2],
      ],
    );
  });

  it('that nobody saw come is told in the version that most have', () => {
    const policy = merge(
      3,
      told('east/n1', 'a', { atStart: true, changedMs: 9000 }),
      told('east/n2', 'b', { atStart: true }),
      told('east/n3', 'b', { atStart: true }),
    );
    assert.equal(policy.digest, 'b');
  });

  it('is incomplete where one node could not put it in force', () => {
    const failing = told('east/n2', 'a', {
      state: PolicyState.INCOMPLETE,
      problems: [{ where: 'pod shop/web', message: 'the map is full' }],
      nodesBehind: ['east/n2'],
    });
    failing.versions[0].nodesEnforced = 0;
    const policy = merge(2, told('east/n1', 'a'), failing);
    assert.deepEqual([policy.state, policy.nodesEnforced], [PolicyState.INCOMPLETE, 1]);
    assert.deepEqual([policy.nodesBehind, policy.problems.length], [['east/n2'], 1]);
  });

  it('is stale where one node has a broken file and another a good one', () => {
    const broken = told('east/n2', '', { state: PolicyState.INVALID, file: 'broken.yaml' });
    broken.versions[0].nodesEnforced = 0;
    const policy = merge(2, broken, told('east/n1', 'a'));
    assert.deepEqual([policy.state, policy.digest, policy.nodesEnforced], [PolicyState.STALE, 'a', 1]);
    assert.equal(merge(1, broken).state, PolicyState.INVALID);
  });

  it('comes out the same from a relay below', () => {
    const nodes = [told('east/n1', 'a'), told('east/n2', 'b', { changedMs: 3000 }), told('east/n3', 'a')];
    const direct = merge(3, ...nodes);
    const below = merge(2, nodes[0], nodes[1]);
    const through = merge(3, below, nodes[2]);
    assert.deepEqual([through.digest, through.nodesEnforced], [direct.digest, direct.nodesEnforced]);
    assert.deepEqual(
      through.versions.map(({ digest, nodes: count }) => [digest, count]),
      direct.versions.map(({ digest, nodes: count }) => [digest, count]),
    );
  });
});
