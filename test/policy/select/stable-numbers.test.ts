import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StableNumbers } from '../../../policy/select/stable-numbers.ts';

describe('StableNumbers', () => {
  it('gives a text the same number everywhere, whatever else there is', () => {
    const one = new StableNumbers(1, 2 ** 24);
    const other = new StableNumbers(1, 2 ** 24);
    for (let i = 0; i < 100; i++) other.claim(`other-${i}`);
    assert.equal(one.claim('10.0.0.0/8'), other.claim('10.0.0.0/8'));
    assert.equal(one.claim('10.0.0.0/8'), one.claim('10.0.0.0/8'));
  });

  it('gives each text a number of its own, to the last number there is', () => {
    const numbers = new StableNumbers(10, 8);
    const given = Array.from({ length: 8 }, (_, i) => numbers.claim(`text-${i}`));
    assert.deepEqual(
      given.toSorted((a, b) => a - b),
      [10, 11, 12, 13, 14, 15, 16, 17],
    );
    assert.throws(() => numbers.claim('one more'), /^RangeError: all 8 numbers are given out$/);
    numbers.release('text-3');
    assert.equal(numbers.claim('one more'), given[3]);
  });
});
