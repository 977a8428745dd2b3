import {
  type PointerEvent as ReactPointerEvent,
  type ReactElement,
  useEffect,
  useRef,
  useState,
} from 'react';
import { useChanges, useStores, useViewState } from '../app/stores.ts';
import { filterText } from '../filter/filter-words.ts';
import { shortCount, shortRate } from '../store/format.ts';
import type { TimeSpan } from '../store/view-state.ts';
import '../style/timeline.css';
import { Bars, PLOT_HEIGHT, tickText } from './bars.tsx';
import { Brush, msOfPointer } from './brush.tsx';
import { brushNote, type Histogram } from './histogram.ts';
import { type BucketRange, brushBetween, msAt, xOf } from './time-axis.ts';
import { useWidth } from './use-width.ts';

const CLICK_PIXELS = 3;

/** Flows by time, from history. A stretch of it that is brushed is what map and table show, until Escape or the header leads back to live. */
export function Timeline(): ReactElement {
  const { view, histogram: feed } = useStores();
  const { words, windowMinutes, at } = useViewState();
  const { histogram, range, reach, countedMs, state, problem, version } = useChanges(feed);
  const plot = useRef<HTMLDivElement>(null);
  const width = useWidth(plot);
  const [draft, setDraft] = useState<TimeSpan | null>(null);
  const [hoverMs, setHoverMs] = useState<number | null>(null);
  const text = filterText(words);
  const sinceMs = at?.sinceMs ?? 0;
  const untilMs = at?.untilMs ?? 0;
  useEffect(() => {
    feed.ask({ words, windowMinutes, at });
    // The text stands for the words and the ends for the span, which are other objects after each change of the URL.
  }, [feed, text, windowMinutes, sinceMs, untilMs]);

  const change = (next: TimeSpan, isDone: boolean): void => {
    setDraft(isDone ? null : next);
    if (isDone) view.set({ at: next });
  };
  const begin = (event: ReactPointerEvent<HTMLElement>): void => {
    if (range === null || event.button !== 0) return;
    event.preventDefault();
    const startX = event.clientX;
    const startMs = msOfPointer(event, range, width);
    const left = event.currentTarget.getBoundingClientRect().left;
    const spanAt = (moved: PointerEvent): TimeSpan =>
      brushBetween(startMs, msAt(moved.clientX - left, range, width), range);
    const isDrag = (moved: PointerEvent): boolean => Math.abs(moved.clientX - startX) > CLICK_PIXELS;
    const move = (moved: PointerEvent): void => setDraft(isDrag(moved) ? spanAt(moved) : null);
    const end = (moved: PointerEvent): void => {
      removeEventListener('pointermove', move);
      setDraft(null);
      if (isDrag(moved)) view.set({ at: spanAt(moved) });
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', end, { once: true });
  };

  const shown = draft ?? at;
  const isReady = range !== null && width > 0;
  return (
    <section className={`timeline is-${state}`} aria-label="Flows by time">
      <div
        ref={plot}
        className="timeline-plot"
        onPointerDown={begin}
        onPointerMove={(event) => range !== null && setHoverMs(msOfPointer(event, range, width))}
        onPointerLeave={() => setHoverMs(null)}
      >
        {isReady && (
          <>
            <Bars {...{ histogram, range, reach, countedMs, width, version }} />
            <svg className="timeline-over" width={width} height={PLOT_HEIGHT}>
              {hoverMs !== null && draft === null && (
                <line
                  className="hover-line"
                  x1={xOf(hoverMs, range, width)}
                  x2={xOf(hoverMs, range, width)}
                  y1="0"
                  y2={PLOT_HEIGHT}
                />
              )}
              {shown === null ? (
                <line className="now-line" x1={width - 1} x2={width - 1} y1="0" y2={PLOT_HEIGHT} />
              ) : (
                <Brush
                  at={shown}
                  range={range}
                  width={width}
                  note={brushNote(histogram, shown, range)}
                  onChange={change}
                />
              )}
            </svg>
            {hoverMs !== null && draft === null && (
              <BarTip
                histogram={histogram}
                range={range}
                ms={hoverMs}
                isLeft={xOf(hoverMs, range, width) > width / 2}
              />
            )}
          </>
        )}
        {(state === 'broken' || state === 'refused') && (
          <p className="timeline-problem" role="status">
            {state === 'refused' ? 'This server counts no flows by time: ' : 'No answer from the server: '}
            {problem}
          </p>
        )}
      </div>
      <Narrated histogram={histogram} range={range} at={at} />
    </section>
  );
}

/** What the bar under the pointer holds. */
function BarTip({
  histogram,
  range,
  ms,
  isLeft,
}: {
  readonly histogram: Histogram;
  readonly range: BucketRange;
  readonly ms: number;
  readonly isLeft: boolean;
}): ReactElement {
  const start = Math.floor(ms / range.bucketMs) * range.bucketMs;
  const { flows, dropped, audited, errors, lost } = histogram.bar(start);
  const count = (value: number, what: string, tone: string): ReactElement | null =>
    value === 0 ? null : (
      <span className={`tone-${tone}`}>
        {shortCount(value)} {what}
      </span>
    );
  return (
    <p className={isLeft ? 'bar-tip is-left' : 'bar-tip'}>
      <strong>{tickText(start)}</strong>
      <span>
        {shortCount(flows)} flows · {shortRate((flows * 1000) / range.bucketMs)}
      </span>
      {count(dropped, 'dropped', 'dropped')}
      {count(audited, 'audited', 'audit')}
      {count(errors, 'errors', 'error')}
      {lost > 0 && <span className="tone-audit">{shortCount(lost)} lost</span>}
    </p>
  );
}

/** The same in a sentence, for who does not see it. */
function Narrated({
  histogram,
  range,
  at,
}: {
  readonly histogram: Histogram;
  readonly range: BucketRange | null;
  readonly at: TimeSpan | null;
}): ReactElement | null {
  if (range === null || at === null) return null;
  const { flows, dropped, audited } = histogram.sum(at);
  return (
    <p className="unseen" role="status">
      {tickText(at.sinceMs)} to {tickText(at.untilMs)}: {flows} flows, {dropped} dropped, {audited} audited
    </p>
  );
}
