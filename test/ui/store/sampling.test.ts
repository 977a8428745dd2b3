import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  everything,
  isSampleDue,
  MAX_READABLE_RATE,
  nextNumber,
  RateMeter,
  ratioOf,
  samplingText,
} from '../../../ui/store/sampling.ts';

describe('sampling of the flow table', () => {
  it('begins above what can be read, and ends well below it', () => {
    assert.equal(isSampleDue(false, MAX_READABLE_RATE), false);
    assert.equal(isSampleDue(false, MAX_READABLE_RATE + 1), true);
    assert.equal(isSampleDue(true, MAX_READABLE_RATE - 1), true);
    assert.equal(isSampleDue(true, MAX_READABLE_RATE / 2), false);
  });

  it('finds the number to ask for, however many nodes answer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 500 }), (wanted, nodes) => {
        let number = wanted;
        for (let i = 0; i < 3; i++) number = nextNumber(number, number * nodes, wanted);
        assert.ok(number >= 1 && (number === 1 || number * nodes <= wanted), `${number} of ${nodes} nodes`);
      }),
    );
    assert.equal(nextNumber(7, 0, 50), 7);
  });

  it('is begun by what comes for two seconds, not by what is replayed', () => {
    const flowsUntilTooMuch = (perSecond: number, replayed: number, seconds: number): number => {
      const meter = new RateMeter(1500, 2000);
      for (let i = 0; i < replayed; i++) if (meter.isTooMuch(100)) return -1;
      for (let i = 0; i < perSecond * seconds; i++) {
        if (meter.isTooMuch(100 + (i * 1000) / perSecond)) return i;
      }
      return Infinity;
    };
    assert.equal(flowsUntilTooMuch(MAX_READABLE_RATE * 0.9, 800, 60), Infinity);
    assert.equal(flowsUntilTooMuch(100, 2001, 1), -1);
    const found = flowsUntilTooMuch(MAX_READABLE_RATE * 2, 800, 60);
    assert.ok(found > MAX_READABLE_RATE && found < MAX_READABLE_RATE * 10, String(found));
  });

  it('is said in words', () => {
    assert.equal(samplingText(everything), '');
    assert.equal(samplingText({ weighty: 1, others: 190.4 }), 'sampled 1 : 190 · all drops and audits');
    assert.equal(samplingText({ weighty: 2.5, others: 20 }), 'sampled 1 : 20 · drops and audits 1 : 2.5');
    assert.equal(samplingText({ weighty: 3, others: 1 }), 'sampled all others · drops and audits 1 : 3');
    assert.equal(ratioOf(9500, 50), 190);
    assert.equal(ratioOf(10, 50), 1);
    assert.equal(ratioOf(10, 0), 1);
  });
});
