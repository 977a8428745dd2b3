import { decodeText } from '../../proto/flow/decode-text.ts';
import type { DecodedRows } from '../../proto/flow/aggregate/decode-rows.ts';
import { AUDITED, DROPPED, ERRORS, FLOWS, MEASURES } from '../../proto/flow/aggregate/row-measures.ts';
import type { TimeSpan } from '../store/view-state.ts';
import type { BucketRange } from './time-axis.ts';

/** Flows of a bucket of time. */
export interface Bar {
  readonly flows: number;
  readonly dropped: number;
  readonly audited: number;
  readonly errors: number;
  /** Events that were lost in it, as far as was told. */
  readonly lost: number;
}

export const noFlows: Bar = { flows: 0, dropped: 0, audited: 0, errors: 0, lost: 0 };

/** Flows by buckets of time. */
export class Histogram {
  readonly bucketMs: number;
  private readonly bars = new Map<number, Bar>();

  constructor(bucketMs: number) {
    this.bucketMs = bucketMs;
  }

  /** The bar of the bucket that begins at `ms`. */
  bar(ms: number): Bar {
    return this.bars.get(ms) ?? noFlows;
  }

  /** Forgets the bars from this time on, which are counted anew, and those before another, which are shown no more. */
  forget(fromMs: number, beforeMs: number): void {
    for (const ms of this.bars.keys()) if (ms >= fromMs || ms < beforeMs) this.bars.delete(ms);
  }

  /** Adds rows that have the begin of their bucket as their only key. */
  addRows(rows: DecodedRows): void {
    const { bytes, textStarts, textEnds, keys, rowCount, sums } = rows;
    for (let row = 0; row < rowCount; row++) {
      const ms = Date.parse(decodeText(bytes, textStarts[keys[row]], textEnds[keys[row]]));
      if (Number.isNaN(ms)) continue;
      const at = row * MEASURES;
      const { flows, dropped, audited, errors, lost } = this.bar(ms);
      this.bars.set(ms, {
        flows: flows + sums[at + FLOWS],
        dropped: dropped + sums[at + DROPPED],
        audited: audited + sums[at + AUDITED],
        errors: errors + sums[at + ERRORS],
        lost,
      });
    }
  }

  /** Adds lost events to every bucket that they may have happened in; no earlier than `fromMs`. */
  addLost({ sinceMs, untilMs }: TimeSpan, events: number, fromMs: number): void {
    const { bucketMs } = this;
    const first = Math.floor(Math.max(sinceMs, fromMs, untilMs - 10_000 * bucketMs) / bucketMs) * bucketMs;
    for (let ms = first; ms <= untilMs; ms += bucketMs) {
      const bar = this.bar(ms);
      this.bars.set(ms, { ...bar, lost: bar.lost + events });
    }
  }

  /** The most flows of any bucket of the range. */
  largest({ sinceMs, untilMs, bucketMs }: BucketRange): number {
    let most = 0;
    for (let ms = sinceMs; ms < untilMs; ms += bucketMs) most = Math.max(most, this.bar(ms).flows);
    return most;
  }

  /** The sum of the bars of a stretch. */
  sum({ sinceMs, untilMs }: TimeSpan): Bar {
    const total = { ...noFlows };
    for (const [ms, bar] of this.bars) {
      if (ms < sinceMs || ms >= untilMs) continue;
      total.flows += bar.flows;
      total.dropped += bar.dropped;
      total.audited += bar.audited;
      total.errors += bar.errors;
      total.lost += bar.lost;
    }
    return total;
  }
}

/** What stands out in a stretch, in words: `drops ×9`; empty when nothing does. Rates are compared with those of the rest of the range. */
export function brushNote(histogram: Histogram, at: TimeSpan, range: BucketRange): string {
  const inside = histogram.sum(at);
  const all = histogram.sum(range);
  const insideMs = at.untilMs - at.sinceMs;
  const restMs = range.untilMs - range.sinceMs - insideMs;
  for (const [what, name] of [
    ['dropped', 'drops'],
    ['audited', 'audits'],
    ['flows', 'flows'],
  ] as const) {
    const rest = (all[what] - inside[what]) / Math.max(1, restMs);
    const times = rest > 0 ? inside[what] / insideMs / rest : 0;
    if (times >= 1.5) return `${name} ×${times < 10 ? Number(times.toFixed(1)) : Math.round(times)}`;
    if (rest === 0 && inside[what] > 0 && what !== 'flows')
      return `${inside[what].toLocaleString('en-US')} ${name}`;
  }
  return '';
}
