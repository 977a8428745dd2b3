import type { ReactElement } from 'react';
import { shortAge, shortCount, shortRate } from '../store/format.ts';

/** What a rule decided. */
export interface Traffic {
  readonly allowedRate: number;
  readonly deniedRate: number;
  readonly auditedRate: number;
  readonly total: number;
  /** Of the last decision; 0 = none that anybody saw. */
  readonly lastMs: number;
  readonly denies: boolean;
}

/** A bar for what a rule decides now, beside the others of its policy, and what it decided in all. */
export function TrafficCell({
  traffic: { allowedRate, deniedRate, auditedRate, total, lastMs, denies },
  most,
  now,
}: {
  readonly traffic: Traffic;
  /** The rate of a full bar. */
  readonly most: number;
  readonly now: number;
}): ReactElement {
  const rate = allowedRate + deniedRate + auditedRate;
  const part = (one: number): string => `${most > 0 ? (100 * one) / most : 0}%`;
  const tone = deniedRate > 0 || denies ? 'dropped' : auditedRate > allowedRate ? 'audit' : 'forwarded';
  return (
    <span className="traffic">
      <span className="traffic-bar">
        <i className="is-forwarded" style={{ width: part(allowedRate) }} />
        <i className="is-audit" style={{ width: part(auditedRate) }} />
        <i className="is-dropped" style={{ width: part(deniedRate) }} />
      </span>
      <span className={rate > 0 ? `traffic-rate tone-${tone}` : 'faint'}>{shortRate(rate)}</span>
      <span className={total > 0 ? 'faint' : 'tone-audit'} title={`${total.toLocaleString('en')} decisions`}>
        {total === 0
          ? 'never hit'
          : `${shortCount(total)}${lastMs > 0 ? ` · ${shortAge(now - lastMs)} ago` : ''}`}
      </span>
    </span>
  );
}
