import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { planSpans } from '../../../relay/store/plan-spans.ts';

describe('planSpans', () => {
  it('asks the store for what it has and the peers for the rest, in order', () => {
    const covered = [
      { fromUs: 10, toUs: 20 },
      { fromUs: 30, toUs: 40 },
    ];
    assert.deepEqual(planSpans({ fromUs: 5, toUs: 50 }, covered), [
      { source: 'peers', fromUs: 5, toUs: 9 },
      { source: 'store', fromUs: 10, toUs: 20 },
      { source: 'peers', fromUs: 21, toUs: 29 },
      { source: 'store', fromUs: 30, toUs: 40 },
      { source: 'peers', fromUs: 41, toUs: 50 },
    ]);
    assert.deepEqual(planSpans({ fromUs: 12, toUs: 18 }, covered), [
      { source: 'store', fromUs: 12, toUs: 18 },
    ]);
    assert.deepEqual(planSpans({ fromUs: 22, toUs: 28 }, covered), [
      { source: 'peers', fromUs: 22, toUs: 28 },
    ]);
    assert.deepEqual(planSpans({ fromUs: -Infinity, toUs: Infinity }, []), [
      { source: 'peers', fromUs: -Infinity, toUs: Infinity },
    ]);
  });

  it('leaves no microsecond out and asks for none twice', () => {
    const span = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 20 }));
    fc.assert(
      fc.property(span, fc.array(span, { maxLength: 5 }), ([fromUs, length], spans) => {
        let at = 0;
        const covered = spans.map(([gap, size]) => {
          const from = at + gap;
          at = from + size + 1;
          return { fromUs: from, toUs: from + size };
        });
        const seen: number[] = [];
        for (const stretch of planSpans({ fromUs, toUs: fromUs + length }, covered)) {
          for (let us = stretch.fromUs; us <= stretch.toUs; us++) {
            seen.push(us);
            const isCovered = covered.some((one) => one.fromUs <= us && us <= one.toUs);
            assert.equal(stretch.source, isCovered ? 'store' : 'peers');
          }
        }
        assert.deepEqual(
          seen,
          Array.from({ length: length + 1 }, (_, i) => fromUs + i),
        );
      }),
    );
  });
});
