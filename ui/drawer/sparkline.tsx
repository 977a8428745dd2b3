import type { ReactElement } from 'react';
import type { Tone } from '../map/graph.ts';

const WIDTH = 104;
const HEIGHT = 30;

/** A small curve of counts over time, with the area below it. */
export function Sparkline({
  values,
  tone,
}: {
  readonly values: readonly number[];
  readonly tone: Tone;
}): ReactElement {
  const most = Math.max(1, ...values);
  const x = (i: number): number => (i / Math.max(1, values.length - 1)) * WIDTH;
  const y = (value: number): number => HEIGHT - 2 - (value / most) * (HEIGHT - 4);
  const line = values
    .map((value, i) => `${i === 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`)
    .join('');
  return (
    <svg
      className={`sparkline tone-${tone}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {values.length > 1 && <path className="sparkline-area" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />}
      {values.length > 1 && <path className="sparkline-line" d={line} />}
    </svg>
  );
}
