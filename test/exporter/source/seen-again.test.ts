import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeenAgain } from '../../../exporter/source/seen-again.ts';
import { batchOf, flowFrame, lostFrame } from '../../relay/support/flow-bytes.ts';

const NEWEST_US = 1_772_615_722_000_000;
const OVERLAP_US = 10_000_000;
/** A flow, or a notice, so many seconds behind the newest flow known. */
const flow = (s: number, word = 'a'): Uint8Array =>
  flowFrame('n1', BigInt(NEWEST_US + s * 1e6) * 1000n, word);
const lost = (s: number): Uint8Array => lostFrame('n1', BigInt(NEWEST_US + s * 1e6) * 1000n, 1);

describe('what a resumed stream brings again', () => {
  const startedUs = NEWEST_US + 60e6;
  const make = (): SeenAgain => new SeenAgain(NEWEST_US, OVERLAP_US, startedUs);

  it('is known by its key, whatever its time', () => {
    const seen = make();
    const known = [flow(-1, 'b'), flow(3600, 'ahead')];
    for (const frame of known) seen.note(frame, 5, frame.length);
    const batch = batchOf([flow(-1, 'new'), ...known]);
    assert.deepEqual(
      [0, 1, 2].map((i) => seen.has(batch, i)),
      [false, true, true],
    );
    assert.equal(seen.duplicates, 2);
  });

  it('is over once flows come from behind the overlap, and the stream has run for as long', () => {
    const seen = make();
    const laterUs = startedUs + OVERLAP_US;
    assert.equal(seen.isOver(batchOf([flow(-5), flow(11)]), laterUs), true);
    assert.equal(seen.isOver(batchOf([flow(-5), flow(11)]), startedUs + 1e6), false);
    assert.equal(seen.isOver(batchOf([flow(11), flow(-5)]), laterUs), false);
  });

  it('is not over because of a notice, or of a clock that runs ahead', () => {
    const seen = make();
    const laterUs = startedUs + OVERLAP_US;
    assert.equal(seen.isOver(batchOf([flow(-5), lost(69)]), laterUs), false);
    assert.equal(seen.isOver(batchOf([lost(69)]), laterUs), false);
    assert.equal(seen.isOver(batchOf([flow(-5), flow(3600)]), laterUs), false);
  });
});
