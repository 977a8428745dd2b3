import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Policy,
  type PolicyDetail,
  PolicyDetailSchema,
  PolicySchema,
} from '../../../proto/gen/sluice/v1/policy_pb.ts';
import { cutManifests } from '../../../proto/policy/cut-manifests.ts';
import { compileNodeChoice } from '../../../proto/policy/node-choice.ts';
import { pageOf, policyOrder } from '../../../proto/policy/policy-page.ts';
import { tooLarge } from '../../../proto/policy/request-bounds.ts';

const policy = (name: string, description = ''): Policy =>
  create(PolicySchema, { cluster: 'east', namespace: 'shop', name, kind: 'NetworkPolicy', description });

describe('pages of policies', () => {
  it('together hold each policy once, in order, whatever the limit', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,6}$/), { maxLength: 40 });
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 10 }), (all, limit) => {
        const policies = all.map((name) => policy(name));
        const found: string[] = [];
        let after = '';
        do {
          const page = pageOf(policies, after, limit);
          assert.ok(page.policies.length <= limit);
          found.push(...page.policies.map(policyOrder));
          after = page.next;
        } while (after !== '');
        assert.deepEqual(found, policies.map(policyOrder).sort());
      }),
    );
  });

  it('end before what is not known yet', () => {
    const policies = ['a', 'b', 'c', 'd'].map((name) => policy(name));
    const known = policyOrder(policies[1]);
    const page = pageOf(policies, '', 500, known);
    assert.deepEqual([page.policies.map(({ name }) => name), page.next], [['a', 'b'], known]);
  });

  it('are bounded by their bytes, and hold one policy at least', () => {
    const large = 'x'.repeat(1_500_000);
    const page = pageOf([policy('a', large), policy('b', large)], '', 500);
    assert.deepEqual([page.policies.length, page.next], [1, policyOrder(policy('a'))]);
    const huge = pageOf([policy('a', large.repeat(2))], '', 500);
    assert.deepEqual([huge.policies.length, huge.next], [1, '']);
  });
});

describe('manifests of one answer', () => {
  it('are cut where they would be too large: those of old revisions first', () => {
    const detail = (sizes: readonly number[]): PolicyDetail =>
      create(PolicyDetailSchema, {
        manifest: 'm'.repeat(50),
        revisions: sizes.map((size) => ({ manifest: 'r'.repeat(size) })),
      });
    const details = [detail([10, 10, 100]), detail([20])];
    cutManifests(details, 140);
    assert.deepEqual(
      details.map(({ manifest, revisions, manifestsCut }) => [
        manifest.length,
        revisions.map((revision) => revision.manifest.length),
        manifestsCut,
      ]),
      [
        [50, [10, 10, 0], true],
        [50, [20], false],
      ],
    );
  });
});

describe('a request', () => {
  it('picks nodes by their names', () => {
    const choose = (patterns: string[], name: string): boolean => compileNodeChoice(patterns)(name);
    assert.deepEqual(
      [choose([], 'x'), choose(['east/'], 'east/n1'), choose(['east/n*'], 'west/n1'), choose(['n1'], 'n1')],
      [true, true, false, true],
    );
    assert.throws(() => compileNodeChoice(['a/b/c']), {
      name: 'RangeError',
      message: /^invalid node_names "a\/b\/c": /,
    });
  });

  it('is refused when it is larger than any sensible one', () => {
    assert.equal(tooLarge({ names: ['a'], after: 'b', limit: 3 }), null);
    assert.match(tooLarge({ names: Array.from({ length: 1001 }, () => 'a') }) ?? '', /names has 1001 items/);
    assert.match(tooLarge({ after: 'x'.repeat(5000) }) ?? '', /after has 5000 characters/);
    assert.match(tooLarge({ names: ['x'.repeat(5000)] }) ?? '', /names has an item of 5000/);
  });
});
