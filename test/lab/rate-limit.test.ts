import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RateLimit } from '../../lab/rate-limit.ts';

describe('RateLimit', () => {
  it('lets so many through a second, spread out, and counts the others', () => {
    const sampler = new RateLimit(4, 0);
    let shown = 0;
    for (let ms = 1; ms <= 10_000; ms++) if (sampler.take(ms)) shown++;
    // Four at once at first, then four a second.
    assert.equal(shown, 4 + 40 - 1);
    assert.equal(sampler.skipped, 10_000 - shown);
  });

  it('lets everything through that is slower than that', () => {
    const sampler = new RateLimit(4, 0);
    for (let ms = 300; ms <= 30_000; ms += 300) assert.equal(sampler.take(ms), true);
  });
});
