import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineSampler } from '../../../lab/screen/live-flows.ts';

describe('LineSampler', () => {
  it('shows so many lines a second, spread out, and counts the others', () => {
    const sampler = new LineSampler(4, 0);
    let shown = 0;
    for (let ms = 1; ms <= 10_000; ms++) if (sampler.take(ms)) shown++;
    // Four at once at first, then four a second.
    assert.equal(shown, 4 + 40 - 1);
    assert.equal(sampler.skipped, 10_000 - shown);
  });

  it('shows everything of what is slower than that', () => {
    const sampler = new LineSampler(4, 0);
    for (let ms = 300; ms <= 30_000; ms += 300) assert.equal(sampler.take(ms), true);
  });
});
