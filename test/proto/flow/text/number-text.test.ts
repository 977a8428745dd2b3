import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupDigits, twoDecimals } from '../../../../proto/flow/text/number-text.ts';

describe('groupDigits()', () => {
  const numbers: readonly (readonly [bigint | number, string])[] = [
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [12_285, '12,285'],
    [2n ** 64n - 1n, '18,446,744,073,709,551,615'],
  ];
  for (const [value, text] of numbers) {
    it(`prints ${value} as ${text}`, () => assert.equal(groupDigits(value), text));
  }
});

describe('twoDecimals()', () => {
  const numbers: readonly (readonly [number, string])[] = [
    [0, '0.00'],
    [66.666_666, '66.67'],
    [41.27, '41.27'],
    [1.005, '1.00'], // the double is a little less
    [0.125, '0.12'], // ties go to the even digit, as in Go
    [0.375, '0.38'],
    [0.625, '0.62'],
    [0.875, '0.88'],
    [99.995, '100.00'],
    [-0.125, '-0.12'],
    [2 ** 60, '1152921504606846976.00'],
    [1e22, '10000000000000000000000.00'],
    [Infinity, 'Infinity'],
  ];
  for (const [value, text] of numbers) {
    it(`prints ${value} as ${text}`, () => assert.equal(twoDecimals(value), text));
  }
});
