import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findResume } from '../../../exporter/source/resume.ts';
import { Spool } from '../../../exporter/spool/spool.ts';
import { batchOf, flowFrame } from '../../relay/support/flow-bytes.ts';
import { never, spoolOptions } from '../support/spool.ts';

const OVERLAP_US = 10_000_000;

/** A flow that happened at `timeUs` by its node's clock, and came at `arrivalUs`. */
interface Arrival {
  readonly timeUs: number;
  readonly arrivalUs: number;
}

const frameOf = ({ timeUs }: Arrival): Uint8Array =>
  flowFrame('n1', BigInt(timeUs) * 1000n, `flow of ${timeUs}`);

/** Of flows that came in this order, each as a record of its own: those that come again when the stream is resumed, without being known. */
async function unknown(arrivals: readonly Arrival[]): Promise<number[]> {
  const spool = await Spool.open(spoolOptions({ retainUs: 2 * OVERLAP_US }));
  try {
    for (const arrival of arrivals) {
      const timeUs = Math.min(arrival.timeUs, arrival.arrivalUs);
      const pieces = [frameOf(arrival)];
      await spool.append({ pieces, count: 1, minTimeUs: timeUs, maxTimeUs: timeUs }, never);
    }
    const { sinceUs, seenAgain } = await findResume(spool, 'oldest', OVERLAP_US);
    const again = arrivals.filter(({ timeUs }) => timeUs >= sinceUs);
    assert.ok(again.length > 0);
    assert.equal(seenAgain?.size, again.length, 'no more is remembered than can come again');
    return again
      .filter((arrival) => !seenAgain.has(batchOf([frameOf(arrival)]), 0))
      .map(({ timeUs }) => timeUs);
  } finally {
    await spool.close();
  }
}

const at = (seconds: number, aheadSeconds = 0): Arrival => ({
  timeUs: 1_772_615_722_000_000 + (seconds + aheadSeconds) * 1e6,
  arrivalUs: 1_772_615_722_000_000 + seconds * 1e6,
});

describe('findResume()', () => {
  it('knows every flow of the overlap', async () => {
    assert.deepEqual(await unknown([at(0), at(4), at(9.5), at(12), at(14), at(18)]), []);
  });

  it('knows flows of nodes whose clocks run ahead by less than the overlap', async () => {
    assert.deepEqual(
      await unknown([at(0), at(5, 4), at(6, 0.001), at(7, 9.9), at(7.999, 0.002), at(18)]),
      [],
    );
  });
});
