import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Requirement } from '../../../policy/index.ts';
import { parseLabel } from '../../../policy/select/label.ts';
import { compileRequirements, requirementsOf, selectorKey } from '../../../policy/select/selector.ts';

const labels = ['k8s:app=web', 'k8s:tier=', 'node:zone=one', 'reserved:host'].map(parseLabel);

function requirement(text: string): Requirement {
  const [, source, key, operator, values] = /^(\w+):(\S+) (\w+) ?(.*)$/.exec(text)!;
  return {
    source,
    key,
    operator: operator as Requirement['operator'],
    values: values === '' ? [] : values.split(','),
  };
}

describe('compileRequirements()', () => {
  const cases: readonly (readonly [holds: boolean, ...requirements: string[]])[] = [
    [true],
    [true, 'k8s:app In web'],
    [true, 'k8s:app In api,web'],
    [false, 'k8s:app In api'],
    [true, 'any:app In web'],
    [false, 'container:app In web'],
    [true, 'any:zone In one'],
    [false, 'k8s:zone In one'],
    [false, 'k8s:app NotIn web'],
    [true, 'k8s:app NotIn api'],
    [true, 'k8s:missing NotIn api'],
    [true, 'k8s:tier Exists'],
    [false, 'k8s:missing Exists'],
    [true, 'k8s:missing DoesNotExist'],
    [false, 'any:zone DoesNotExist'],
    [true, 'reserved:host Exists'],
    [false, 'k8s:host Exists'],
    [true, 'k8s:app In web', 'k8s:missing DoesNotExist'],
    [false, 'k8s:app In web', 'k8s:app NotIn web'],
  ];
  for (const [holds, ...requirements] of cases) {
    it(`${holds ? 'holds' : 'fails'} for ${requirements.join(' and ') || 'nothing asked'}`, () => {
      assert.equal(compileRequirements(requirements.map(requirement))(labels), holds);
    });
  }
});

describe('requirementsOf()', () => {
  it('spells out the local cluster', () => {
    const one = requirement('k8s:app In web');
    assert.deepEqual(requirementsOf({ requirements: [one], localCluster: false }, 'east'), [one]);
    assert.deepEqual(requirementsOf({ requirements: [one], localCluster: true }, 'east')[1], {
      source: 'k8s',
      key: 'io.cilium.k8s.policy.cluster',
      operator: 'In',
      values: ['east'],
    });
  });
});

describe('selectorKey()', () => {
  it('is the same for the same requirements in any order, and for no others', () => {
    const [a, b, c] = ['k8s:app In web', 'any:app In web', 'k8s:app In web,x'].map(requirement);
    assert.equal(selectorKey([a, b]), selectorKey([b, a, b]));
    assert.equal(new Set([[a], [b], [c], [a, b]].map(selectorKey)).size, 4);
  });
});
