import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { WallClock } from '../../agent/wall-clock.ts';

/** The clock's time of a kernel time, in nanoseconds. */
function wallNs(clock: WallClock, kernelNs: bigint): bigint {
  const out = { seconds: 0, nanos: 0 };
  clock.stamp(Number(kernelNs & 0xffffffffn), Number(kernelNs >> 32n), out);
  assert.ok(out.nanos >= 0 && out.nanos < 1e9 && Number.isInteger(out.nanos));
  return BigInt(out.seconds) * 1_000_000_000n + BigInt(out.nanos);
}

const OFFSET = 1_790_000_000_123_456_789n;

describe('WallClock', () => {
  it('is exact to the nanosecond for four years of uptime', () => {
    const fourYearsNs = 4n * 365n * 86_400n * 1_000_000_000n;
    fc.assert(
      fc.property(fc.bigInt(0n, fourYearsNs), fc.bigInt(0n, 2n * OFFSET), (kernelNs, offset) => {
        assert.equal(wallNs(new WallClock(offset), kernelNs), kernelNs + offset);
      }),
    );
  });

  it('leaves the offset alone while it differs only by the noise of reading it', () => {
    const clock = new WallClock(OFFSET);
    clock.update(OFFSET + 19_999n, 1000);
    clock.update(OFFSET - 19_999n, 2000);
    assert.equal(wallNs(clock, 5000n), OFFSET + 5000n);
  });

  it('follows the wall clock forward, for the events after the change', () => {
    const clock = new WallClock(OFFSET);
    clock.update(OFFSET + 3_600_000_000_000n, 10_000);
    assert.equal(wallNs(clock, 9_999n), OFFSET + 9_999n);
    assert.equal(wallNs(clock, 10_000n), OFFSET + 10_000n + 3_600_000_000_000n);
  });

  it('stands still after a small step back until it is made up for', () => {
    const clock = new WallClock(OFFSET);
    clock.update(OFFSET - 500_000_000n, 1_000_000_000);
    const at = (ms: bigint): bigint => wallNs(clock, ms * 1_000_000n) - OFFSET;
    assert.equal(at(999n), 999_000_000n);
    assert.equal(at(1000n), 1_000_000_000n);
    assert.equal(at(1499n), 1_000_000_000n);
    assert.equal(at(1500n), 1_000_000_000n);
    assert.equal(at(1501n), 1_001_000_000n);
  });

  it('runs backwards when the clock was set back by a second or more', () => {
    const clock = new WallClock(OFFSET);
    clock.update(OFFSET - 1_000_000_000n, 5_000_000_000);
    assert.equal(wallNs(clock, 5_000_000_000n), OFFSET + 4_000_000_000n);
  });

  it('never runs backwards while the clock is slewed, whatever the readings', () => {
    const steps = fc.array(
      fc.record({
        slewNs: fc.bigInt(-400_000_000n, 400_000_000n),
        waitNs: fc.bigInt(500_000_000n, 2_000_000_000n),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(steps, (slews) => {
        const clock = new WallClock(OFFSET);
        let offset = OFFSET;
        let now = 1_000_000_000n;
        let last = 0n;
        for (const { slewNs, waitNs } of slews) {
          // Events of the time before and after each reading, in their order.
          for (const kernelNs of [now, now + waitNs / 2n, now + waitNs - 1n]) {
            const wall = wallNs(clock, kernelNs);
            assert.ok(wall >= last, `${wall} after ${last}`);
            last = wall;
          }
          now += waitNs;
          offset += slewNs;
          clock.update(offset, Number(now));
        }
      }),
    );
  });
});
