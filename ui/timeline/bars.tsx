import { memo, type ReactElement } from 'react';
import type { Reach } from '../store/histogram-feed.ts';
import { shortRate } from '../store/format.ts';
import type { Bar, Histogram } from './histogram.ts';
import { type BucketRange, scaleTop, timeTicks, xOf } from './time-axis.ts';

/** Measures of the drawing, in pixels. */
export const PLOT_HEIGHT = 50;
const AXIS_HEIGHT = 16;
/** Of a mark's text, so that the last one has its place. */
const TICK_WIDTH = 40;

const pad = (value: number): string => String(value).padStart(2, '0');

/** A mark of the axis: 09:04, or 09:04:30 when seconds matter. */
export function tickText(ms: number): string {
  const date = new Date(ms);
  const seconds = date.getSeconds();
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${seconds === 0 ? '' : `:${pad(seconds)}`}`;
}

/** The bars of a range by verdict, what is lost hatched above them, and what history does not reach shaded. */
export const Bars = memo(function Bars({
  histogram,
  range,
  reach,
  countedMs,
  width,
}: {
  readonly histogram: Histogram;
  readonly range: BucketRange;
  readonly reach: Reach | null;
  /** What came later is in no bar yet. */
  readonly countedMs: number;
  readonly width: number;
  /** Changes with the histogram, which is the same object. */
  readonly version: number;
}): ReactElement {
  const seconds = range.bucketMs / 1000;
  const top = scaleTop(histogram.largest(range) / seconds);
  const starts: number[] = [];
  for (let ms = range.sinceMs; ms < range.untilMs; ms += range.bucketMs) starts.push(ms);
  const step = width / starts.length;
  const gap = step > 3 ? 1 : 0;
  const ticks = timeTicks(range, width).filter((ms) => xOf(ms, range, width) < width - TICK_WIDTH);
  return (
    <svg className="bars" width={width} height={PLOT_HEIGHT + AXIS_HEIGHT} aria-hidden="true">
      <defs>
        <pattern
          id="lost-hatch"
          width="5"
          height="5"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="2" height="5" className="hatch-lost" />
        </pattern>
        <pattern
          id="reach-hatch"
          width="8"
          height="8"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="1" height="8" className="hatch-reach" />
        </pattern>
      </defs>
      <line className="grid-line" x1="0" x2={width} y1="4.5" y2="4.5" />
      <line className="grid-line" x1="0" x2={width} y1={PLOT_HEIGHT / 2 + 2.5} y2={PLOT_HEIGHT / 2 + 2.5} />
      {starts.map((ms, i) => (
        <BarStack
          key={ms}
          bar={histogram.bar(ms)}
          x={i * step}
          width={Math.max(0.6, step - gap)}
          perPixel={(top * seconds) / (PLOT_HEIGHT - 4)}
          isOpen={ms + range.bucketMs > countedMs}
        />
      ))}
      {reach !== null && <Unreached reach={reach} range={range} width={width} />}
      <line className="axis-line" x1="0" x2={width} y1={PLOT_HEIGHT + 0.5} y2={PLOT_HEIGHT + 0.5} />
      {ticks.map((ms) => (
        <text key={ms} className="axis-text" x={xOf(ms, range, width)} y={PLOT_HEIGHT + 12}>
          {tickText(ms)}
        </text>
      ))}
      <text className="axis-text scale" x="2" y="13">
        {shortRate(top)}
      </text>
    </svg>
  );
});

function BarStack({
  bar,
  x,
  width,
  perPixel,
  isOpen,
}: {
  readonly bar: Bar;
  readonly x: number;
  readonly width: number;
  /** Flows that a pixel of height stands for. */
  readonly perPixel: number;
  readonly isOpen: boolean;
}): ReactElement | null {
  const { flows, dropped, audited, errors, lost } = bar;
  if (flows === 0 && lost === 0) return null;
  const calm = Math.max(0, flows - dropped - audited - errors);
  let y = PLOT_HEIGHT;
  // What is rare is seen all the same: a pixel at least.
  const part = (count: number, tone: string, least: number): ReactElement | null => {
    if (count === 0) return null;
    const height = Math.max(least, count / perPixel);
    y -= height;
    return <rect className={`fill-${tone}`} x={x} y={y} width={width} height={height} />;
  };
  return (
    <g className={isOpen ? 'bar is-open' : 'bar'}>
      {part(calm, 'forwarded', 0.8)}
      {part(audited, 'audit', 1.5)}
      {part(errors, 'error', 1.5)}
      {part(dropped, 'dropped', 1.5)}
      {lost > 0 && (
        <rect fill="url(#lost-hatch)" x={x} y="0" width={Math.max(3, width)} height={PLOT_HEIGHT} />
      )}
    </g>
  );
}

/** What no node, or not every node, remembers. */
function Unreached({
  reach: { oldestMs, completeMs },
  range,
  width,
}: {
  readonly reach: Reach;
  readonly range: BucketRange;
  readonly width: number;
}): ReactElement | null {
  const complete = Math.min(width, xOf(completeMs, range, width));
  if (complete <= 1) return null;
  const oldest = Math.max(0, Math.min(complete, xOf(oldestMs, range, width)));
  return (
    <g className="unreached">
      {oldest > 1 && <rect className="unreached-all" x="0" y="0" width={oldest} height={PLOT_HEIGHT} />}
      <rect fill="url(#reach-hatch)" x="0" y="0" width={complete} height={PLOT_HEIGHT} />
      <line className="unreached-edge" x1={complete} x2={complete} y1="0" y2={PLOT_HEIGHT} />
      {complete > 150 && (
        <text className="unreached-text" x={complete - 6} y="14">
          {oldest > 150 || oldest === complete ? 'history begins here' : 'not all nodes remember'}
        </text>
      )}
    </g>
  );
}
