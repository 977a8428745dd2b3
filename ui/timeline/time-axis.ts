import type { TimeSpan } from '../store/view-state.ts';

/** A stretch of time, cut into buckets of equal width that begin at whole multiples of it. */
export interface BucketRange extends TimeSpan {
  readonly bucketMs: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Widths that clocks have marks for. */
const widthsMs: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12, 24].map((n) => n * HOUR),
];
export const MAX_BARS = 180;

/** The buckets that hold a span, of the least width that makes at most `MAX_BARS` of them. */
export function bucketsOf({ sinceMs, untilMs }: TimeSpan): BucketRange {
  const fits = (bucketMs: number): boolean => (untilMs - sinceMs) / bucketMs <= MAX_BARS;
  const bucketMs =
    widthsMs.find(fits) ?? widthsMs.at(-1)! * Math.ceil((untilMs - sinceMs) / MAX_BARS / widthsMs.at(-1)!);
  return {
    sinceMs: Math.floor(sinceMs / bucketMs) * bucketMs,
    untilMs: Math.ceil(untilMs / bucketMs) * bucketMs,
    bucketMs,
  };
}

/** What the timeline shows around a stretch that is looked at: what it showed before, if that holds it, else as much again on either side. */
export function rangeAround(at: TimeSpan, before: BucketRange | null, nowMs: number): BucketRange {
  if (before !== null && at.sinceMs >= before.sinceMs && at.untilMs <= before.untilMs) return before;
  const span = at.untilMs - at.sinceMs;
  return bucketsOf({
    sinceMs: at.sinceMs - span,
    untilMs: Math.max(at.untilMs, Math.min(nowMs, at.untilMs + span)),
  });
}

/** Where a time stands, in pixels from the left of an axis of that width. */
export function xOf(ms: number, { sinceMs, untilMs }: TimeSpan, width: number): number {
  return ((ms - sinceMs) / (untilMs - sinceMs)) * width;
}

export function msAt(x: number, { sinceMs, untilMs }: TimeSpan, width: number): number {
  return sinceMs + (Math.max(0, Math.min(width, x)) / width) * (untilMs - sinceMs);
}

/** The stretch between two times in any order, in whole buckets of the range: one at least. */
export function brushBetween(aMs: number, bMs: number, range: BucketRange): TimeSpan {
  const { bucketMs } = range;
  const low = clamp(Math.min(aMs, bMs), range);
  const high = clamp(Math.max(aMs, bMs), range);
  const sinceMs = Math.min(Math.floor(low / bucketMs) * bucketMs, range.untilMs - bucketMs);
  return { sinceMs, untilMs: Math.max(sinceMs + bucketMs, Math.ceil(high / bucketMs) * bucketMs) };
}

/** The stretch moved by some buckets, within the range. */
export function moveBrush({ sinceMs, untilMs }: TimeSpan, buckets: number, range: BucketRange): TimeSpan {
  const shift = Math.max(
    range.sinceMs - sinceMs,
    Math.min(range.untilMs - untilMs, buckets * range.bucketMs),
  );
  return { sinceMs: sinceMs + shift, untilMs: untilMs + shift };
}

/** The stretch with one end at another time; the ends do not pass each other. */
export function dragEnd(span: TimeSpan, end: 'since' | 'until', ms: number, range: BucketRange): TimeSpan {
  const { bucketMs } = range;
  const at = Math.round(clamp(ms, range) / bucketMs) * bucketMs;
  return end === 'since'
    ? { ...span, sinceMs: Math.min(at, span.untilMs - bucketMs) }
    : { ...span, untilMs: Math.max(at, span.sinceMs + bucketMs) };
}

function clamp(ms: number, { sinceMs, untilMs }: TimeSpan): number {
  return Math.max(sinceMs, Math.min(untilMs, ms));
}

/** Times for marks on the axis, at least `minPixels` apart. */
export function timeTicks(range: TimeSpan, width: number, minPixels = 110): number[] {
  const perPixel = (range.untilMs - range.sinceMs) / Math.max(1, width);
  const step = widthsMs.find((ms) => ms / perPixel >= minPixels) ?? widthsMs.at(-1)!;
  const ticks: number[] = [];
  for (let ms = Math.ceil(range.sinceMs / step) * step; ms < range.untilMs; ms += step) ticks.push(ms);
  return ticks;
}

/** A round number at or above the largest value: the top of the scale. */
export function scaleTop(largest: number): number {
  if (largest <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(largest));
  const step = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].find((factor) => factor * unit >= largest * 1.0001);
  return (step ?? 10) * unit;
}
