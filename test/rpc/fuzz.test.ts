import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leakOf } from './fuzz/leak.ts';
import { runFuzz } from './fuzz/run-fuzz.ts';

/** More for a long run: npm run fuzz -- --seconds 600 --seed 2 */
const SEED = 1;
const ATTACKS = 500;

describe('a server under attack', { timeout: 300_000 }, () => {
  it(`lives, answers others and gives everything back (${ATTACKS} attacks of seed ${SEED})`, async () => {
    const result = await runFuzz({ seed: SEED, attacks: ATTACKS, timeMs: Number.POSITIVE_INFINITY });
    assert.equal(leakOf(result), null);
    assert.equal(result.attacks, ATTACKS);
    assert.deepEqual(Object.keys(result.byKind).sort(), [
      'bytes',
      'calls',
      'flood',
      'frames',
      'http1',
      'tls',
    ]);
  });
});
