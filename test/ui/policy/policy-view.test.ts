import { create } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { type PolicyRule, PolicyRuleSchema, PolicySchema } from '../../../proto/gen/sluice/v1/policy_pb.ts';
import { edgeOfId } from '../../../ui/policy/edge-of-id.ts';
import { diffLines, plainLines } from '../../../ui/policy/diff-lines.ts';
import { joinTraffic, rulesWithoutLine } from '../../../ui/policy/manifest-lines.ts';
import { noChoice, parsePolicyChoice, policyChoiceText } from '../../../ui/policy/policy-choice.ts';
import { policySelection, selectedPolicy } from '../../../ui/policy/policy-names.ts';

const rule = (path: string, line: number, lastLine: number): PolicyRule =>
  create(PolicyRuleSchema, { address: `CiliumNetworkPolicy/a/b#${path}`, path, line, lastLine });

describe('a manifest with its traffic', () => {
  it('has each rule where it begins, and marks its lines', () => {
    const rules = [rule('ingress[0]', 11, 12), rule('ingress[1]', 13, 13), rule('egress[0]', 0, 0)];
    const lines = joinTraffic(plainLines('spec:\n- a\n  b\n- c\n', 10), rules);
    assert.deepEqual(
      lines.map(({ number, isRule, rules }) => [number, isRule, rules.map(({ path }) => path)]),
      [
        [10, false, []],
        [11, true, ['ingress[0]']],
        [12, true, []],
        [13, true, ['ingress[1]']],
      ],
    );
    assert.deepEqual(rulesWithoutLine(lines, rules), [rules[2]]);
  });

  it('puts no traffic to lines that are gone', () => {
    const lines = joinTraffic(diffLines('a\nold\n', 'a\nnew\n', 1, 1), [rule('ingress[0]', 2, 2)]);
    assert.deepEqual(
      lines.map(({ sign, rules }) => [sign, rules.length]),
      [
        ['', 0],
        ['-', 0],
        ['+', 1],
      ],
    );
  });
});

describe('two texts compared', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', '  d'), { maxLength: 12 });

  it('hold both texts', () => {
    fc.assert(
      fc.property(text, text, (older, newer) => {
        const lines = diffLines(older.join('\n'), newer.join('\n'), 1, 1);
        const without = (sign: string): string[] =>
          lines.filter((line) => line.sign !== sign).map((line) => line.text);
        assert.deepEqual(without('+'), older);
        assert.deepEqual(without('-'), newer);
        for (const { sign, number, text } of lines) {
          assert.equal(text, (sign === '-' ? older : newer)[number - 1]);
        }
      }),
    );
  });

  it('differ by no more lines than they must', () => {
    const lines = diffLines('a\nb\nc\nd', 'a\nc\nd\ne', 5, 7);
    assert.equal(lines.map(({ sign }) => sign || '=').join(''), '=-==+');
    assert.deepEqual(lines[1], { number: 6, text: 'b', sign: '-' });
  });
});

describe('what is chosen in the policy view', () => {
  it('is read from the URL as it was written', () => {
    const choice = {
      find: 'shop & web',
      sort: 'name',
      isDescending: false,
      cluster: 'east',
      revisions: [3n, 5n],
      tab: 'audited',
      edge: 'east/a/b>outside/x.example',
    } as const;
    assert.deepEqual(parsePolicyChoice(policyChoiceText(choice)), choice);
    assert.deepEqual(parsePolicyChoice('sort=&rev=x..2&tab=none'), noChoice);
    assert.equal(policyChoiceText(noChoice), '');
  });

  it('is the policy of the cluster that was meant, also by the name that flows use', () => {
    const [east, west] = ['east', 'west'].map((cluster) =>
      create(PolicySchema, { cluster, kind: 'NetworkPolicy', namespace: 'a', name: 'b', flowName: 'bee' }),
    );
    const wide = create(PolicySchema, { kind: 'CiliumClusterwideNetworkPolicy', name: 'dns' });
    const all = [east, west, wide];
    assert.equal(selectedPolicy(all, policySelection(west), 'west'), west);
    assert.equal(selectedPolicy(all, 'policy:NetworkPolicy/a/bee', ''), east);
    assert.equal(selectedPolicy(all, policySelection(wide), ''), wide);
    assert.equal(selectedPolicy(all, 'policy:CiliumClusterwideNetworkPolicy/dns', ''), wide);
    assert.equal(selectedPolicy(all, 'policy:NetworkPolicy/a/none', ''), null);
  });

  it('may be an edge that the map does not show', () => {
    for (const id of ['east/a/b>west/c/d', 'east/a/b>outside/x.example', 'machines/host>/a/b/pod-1']) {
      const ends = edgeOfId(id);
      assert.equal(`${ends?.from.id}>${ends?.to.id}`, id);
    }
    assert.equal(edgeOfId('east/a>b'), null);
    assert.equal(edgeOfId('nothing'), null);
  });
});
