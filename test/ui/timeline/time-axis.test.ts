import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  brushBetween,
  bucketsOf,
  dragEnd,
  MAX_BARS,
  moveBrush,
  msAt,
  rangeAround,
  scaleTop,
  timeTicks,
  xOf,
} from '../../../ui/timeline/time-axis.ts';

const T0 = Date.parse('2026-03-04T09:00:00Z');
const spans = fc
  .tuple(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 2e9 }))
  .map(([from, length]) => ({ sinceMs: T0 + from, untilMs: T0 + from + length }));
const brushes = fc.tuple(
  spans,
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 1, noNaN: true }),
);

describe('the time axis', () => {
  it('has a bar for each step of a clock, and no more than can be told apart', () => {
    assert.equal(bucketsOf({ sinceMs: T0, untilMs: T0 + 15 * 60_000 }).bucketMs, 5000);
    assert.equal(bucketsOf({ sinceMs: T0, untilMs: T0 + 3_600_000 }).bucketMs, 30_000);
    fc.assert(
      fc.property(spans, (span) => {
        const { sinceMs, untilMs, bucketMs } = bucketsOf(span);
        assert.ok(sinceMs <= span.sinceMs && untilMs >= span.untilMs);
        assert.equal(sinceMs % bucketMs, 0);
        assert.equal((untilMs - sinceMs) % bucketMs, 0);
        assert.ok((untilMs - sinceMs) / bucketMs <= MAX_BARS + 1);
      }),
    );
  });

  it('finds a time from its place, and the place from the time', () => {
    fc.assert(
      fc.property(spans, fc.integer({ min: 0, max: 1000 }), (span, x) => {
        // Of shorter spans a double has no finer steps.
        fc.pre(span.untilMs - span.sinceMs > 1000);
        assert.ok(Math.abs(xOf(msAt(x, span, 1000), span, 1000) - x) < 0.5);
      }),
    );
    assert.equal(msAt(-5, { sinceMs: 10, untilMs: 20 }, 100), 10);
    assert.equal(msAt(500, { sinceMs: 10, untilMs: 20 }, 100), 20);
  });

  it('is brushed in whole bars, in either direction, within its ends', () => {
    fc.assert(
      fc.property(brushes, ([span, a, b]) => {
        const range = bucketsOf(span);
        const [aMs, bMs] = [a, b].map((part) => msAt(part * 800, range, 800));
        const brush = brushBetween(aMs, bMs, range);
        assert.deepEqual(brush, brushBetween(bMs, aMs, range));
        assert.ok(brush.sinceMs >= range.sinceMs && brush.untilMs <= range.untilMs);
        assert.ok(brush.untilMs - brush.sinceMs >= range.bucketMs);
        assert.equal((brush.sinceMs - range.sinceMs) % range.bucketMs, 0);
        assert.ok(brush.sinceMs <= Math.min(aMs, bMs) && brush.untilMs >= Math.max(aMs, bMs));
      }),
    );
  });

  it('moves a brush without changing its length, and its ends without turning it around', () => {
    fc.assert(
      fc.property(brushes, fc.integer({ min: -300, max: 300 }), ([span, a, b], steps) => {
        const range = bucketsOf(span);
        const brush = brushBetween(msAt(a * 800, range, 800), msAt(b * 800, range, 800), range);
        const moved = moveBrush(brush, steps, range);
        assert.equal(moved.untilMs - moved.sinceMs, brush.untilMs - brush.sinceMs);
        assert.ok(moved.sinceMs >= range.sinceMs && moved.untilMs <= range.untilMs);
        for (const end of ['since', 'until'] as const) {
          const dragged = dragEnd(brush, end, brush.sinceMs + steps * range.bucketMs, range);
          assert.ok(dragged.untilMs - dragged.sinceMs >= range.bucketMs);
          const other = end === 'since' ? 'untilMs' : 'sinceMs';
          assert.equal(dragged[other], brush[other]);
        }
      }),
    );
  });

  it('shows what is around a stretch of history', () => {
    const at = { sinceMs: T0, untilMs: T0 + 60_000 };
    const around = rangeAround(at, null, T0 + 10 * 60_000);
    assert.deepEqual([around.sinceMs, around.untilMs], [T0 - 60_000, T0 + 120_000]);
    assert.equal(rangeAround(at, around, T0), around);
    assert.equal(rangeAround(at, null, T0 + 60_000).untilMs, T0 + 60_000);
  });

  it('has marks that do not touch, and a round top', () => {
    const range = { sinceMs: T0, untilMs: T0 + 15 * 60_000 };
    assert.deepEqual(
      timeTicks(range, 1200).map((ms) => (ms - T0) / 60_000),
      [0, 2, 4, 6, 8, 10, 12, 14],
    );
    assert.ok(timeTicks(range, 0).length < 3);
    assert.deepEqual([0, 0.4, 1, 7, 95, 433_000].map(scaleTop), [1, 0.5, 1.2, 8, 100, 500_000]);
  });
});
