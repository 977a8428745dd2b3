import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backoff } from '../../rpc/backoff.ts';

describe('Backoff', () => {
  it('doubles from the first wait to the longest, and begins anew after a success', () => {
    const backoff = new Backoff(250, 1500, () => 0);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => backoff.next()),
      [250, 500, 1000, 1500, 1500],
    );
    backoff.reset();
    assert.equal(backoff.next(), 250);
  });

  it('shortens a wait by up to a third at random', () => {
    assert.equal(new Backoff(300, 300, () => 0.5).next(), 250);
    const waits = Array.from({ length: 200 }, () => new Backoff(300, 300).next());
    assert.ok(waits.every((ms) => ms > 200 - 1e-9 && ms <= 300));
    assert.ok(new Set(waits).size > 100, 'no two peers in step');
  });
});
