import type { KeyboardEvent, PointerEvent as ReactPointerEvent, ReactElement } from 'react';
import type { TimeSpan } from '../store/view-state.ts';
import { PLOT_HEIGHT, tickText } from './bars.tsx';
import { type BucketRange, dragEnd, moveBrush, msAt, xOf } from './time-axis.ts';

const HANDLE_WIDTH = 7;
const LABEL_WIDTH = 210;

function timeText(ms: number): string {
  const text = tickText(ms);
  return text.length === 5 ? `${text}:00` : text;
}

/** The stretch of time that is looked at: to be moved as a whole or by its ends, by pointer and by arrow keys. */
export function Brush({
  at,
  range,
  width,
  note,
  onChange,
}: {
  readonly at: TimeSpan;
  readonly range: BucketRange;
  readonly width: number;
  readonly note: string;
  /** `isDone`: the person let go. */
  readonly onChange: (at: TimeSpan, isDone: boolean) => void;
}): ReactElement | null {
  const left = Math.max(0, xOf(at.sinceMs, range, width));
  const right = Math.min(width, xOf(at.untilMs, range, width));
  if (right <= 0 || left >= width) return null;
  const drag = (event: ReactPointerEvent<SVGElement>, next: (dxMs: number) => TimeSpan): void => {
    event.stopPropagation();
    event.preventDefault();
    const startX = event.clientX;
    const perPixel = (range.untilMs - range.sinceMs) / width;
    const at = (moved: PointerEvent): TimeSpan => next((moved.clientX - startX) * perPixel);
    const move = (moved: PointerEvent): void => onChange(at(moved), false);
    const end = (moved: PointerEvent): void => {
      removeEventListener('pointermove', move);
      onChange(at(moved), true);
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', end, { once: true });
  };
  const inBuckets = (ms: number): number => Math.round(ms / range.bucketMs);
  const handle = (end: 'since' | 'until', x: number): ReactElement => {
    const ms = at[`${end}Ms`];
    const onKeyDown = (event: KeyboardEvent): void => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      onChange(dragEnd(at, end, ms + step * range.bucketMs * (event.shiftKey ? 10 : 1), range), true);
    };
    return (
      <g
        className="brush-handle"
        role="slider"
        tabIndex={0}
        aria-label={end === 'since' ? 'Begin of the window' : 'End of the window'}
        aria-valuemin={range.sinceMs}
        aria-valuemax={range.untilMs}
        aria-valuenow={ms}
        aria-valuetext={timeText(ms)}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => drag(event, (dxMs) => dragEnd(at, end, ms + dxMs, range))}
      >
        <line x1={x} x2={x} y1="0" y2={PLOT_HEIGHT} />
        <rect x={x - HANDLE_WIDTH / 2} y={PLOT_HEIGHT / 2 - 8} width={HANDLE_WIDTH} height="16" rx="2" />
      </g>
    );
  };
  const label = `${timeText(at.sinceMs)} – ${timeText(at.untilMs)}${note === '' ? '' : ` · ${note}`}`;
  const middle = Math.max(LABEL_WIDTH / 2, Math.min(width - LABEL_WIDTH / 2, (left + right) / 2));
  return (
    <g className="brush">
      <rect className="brush-rest" x="0" y="0" width={left} height={PLOT_HEIGHT} />
      <rect className="brush-rest" x={right} y="0" width={width - right} height={PLOT_HEIGHT} />
      <rect
        className="brush-body"
        x={left}
        y="0"
        width={Math.max(1, right - left)}
        height={PLOT_HEIGHT}
        onPointerDown={(event) => drag(event, (dxMs) => moveBrush(at, inBuckets(dxMs), range))}
      />
      {handle('since', left)}
      {handle('until', right)}
      <text className="brush-label" x={middle} y="11">
        {label}
      </text>
    </g>
  );
}

/** The time under the pointer. */
export function msOfPointer(event: ReactPointerEvent, range: BucketRange, width: number): number {
  return msAt(event.clientX - event.currentTarget.getBoundingClientRect().left, range, width);
}
