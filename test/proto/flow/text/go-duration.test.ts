import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatGoDuration, parseGoDuration } from '../../../../proto/flow/text/go-duration.ts';

describe('parseGoDuration()', () => {
  const durations: Readonly<Record<string, bigint>> = {
    '0': 0n,
    '-0': 0n,
    '90s': 90_000_000_000n,
    '1h30m': 5_400_000_000_000n,
    '2.5h': 9_000_000_000_000n,
    '-300ms': -300_000_000n,
    '+5m': 300_000_000_000n,
    '.5s': 500_000_000n,
    '1.s': 1_000_000_000n,
    '1us': 1_000n,
    '1µs': 1_000n,
    '1μs': 1_000n,
    '1.9ns': 1n,
    '1m1m': 120_000_000_000n,
    '2562047h47m16.854775807s': 2n ** 63n - 1n,
    '-2562047h47m16.854775808s': -(2n ** 63n),
  };
  for (const [text, ns] of Object.entries(durations)) {
    it(`reads ${text} as ${ns} ns`, () => assert.equal(parseGoDuration(text), ns));
  }

  for (const text of [
    '',
    '.',
    '5',
    '.s',
    '1 s',
    's',
    '1d',
    '--5s',
    '1h-5m',
    '1e3s',
    '2562047h47m16.854775808s',
  ]) {
    it(`refuses "${text}"`, () => assert.equal(parseGoDuration(text), null));
  }
});

describe('formatGoDuration()', () => {
  const texts: readonly (readonly [bigint, string])[] = [
    [0n, '0s'],
    [1n, '1ns'],
    [1_500n, '1.5µs'],
    [1_500_000n, '1.5ms'],
    [999_999_999n, '999.999999ms'],
    [7_500_000_000n, '7.5s'],
    [60_000_000_000n, '1m0s'],
    [3_600_000_000_000n, '1h0m0s'],
    [93_787_500_000_000n, '26h3m7.5s'],
    [-1_500_000n, '-1.5ms'],
  ];
  for (const [ns, text] of texts) {
    it(`prints ${ns} ns as ${text}`, () => assert.equal(formatGoDuration(ns), text));
  }

  it('prints what parseGoDuration() reads back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (ns) => {
        assert.equal(parseGoDuration(formatGoDuration(ns)), ns);
      }),
    );
  });
});
