import type { Edge, ServiceMap } from '../model/service-map.ts';

/** Why an edge needs looking at. */
export type AttentionKind = 'denied' | 'error' | 'audit' | 'jump';

/** Something that a person should look at. */
export interface Attention {
  readonly kind: AttentionKind;
  readonly edge: Edge;
  /** Flows a second of the kind now; of a jump, all flows. */
  readonly rate: number;
  /** Of the kind within the window. */
  readonly count: number;
  /** Of a jump: so many times what it was. */
  readonly factor: number;
  /** It began while this page was open. */
  readonly isNew: boolean;
}

const JUMP_FACTOR = 4;
const MIN_JUMP_PER_SECOND = 5;
const kindOrder: Readonly<Record<AttentionKind, number>> = { denied: 0, error: 1, audit: 2, jump: 3 };

/**
 * What needs attention on a map: denials first, then errors, findings of audits, and rates that have jumped; within each the new, then the most. Pure.
 * @param beganMs edges whose first denial came later are new
 */
export function findAttention(map: ServiceMap, beganMs: number): Attention[] {
  const found: Attention[] = [];
  for (const edge of map.edges.values()) {
    const { rate, total, usualRate, firstBadMs } = edge;
    const isNew = firstBadMs > beganMs;
    const base = { edge, factor: 1, isNew };
    if (total.dropped > 0) {
      found.push({ ...base, kind: 'denied', rate: rate.dropped, count: total.dropped });
    } else if (total.errors > 0) {
      found.push({ ...base, kind: 'error', rate: rate.errors, count: total.errors });
    } else if (total.audited > 0) {
      found.push({ ...base, kind: 'audit', rate: rate.audited, count: total.audited });
    } else if (rate.flows > MIN_JUMP_PER_SECOND && usualRate > 0 && rate.flows > JUMP_FACTOR * usualRate) {
      const factor = rate.flows / usualRate;
      found.push({ ...base, kind: 'jump', rate: rate.flows, count: total.flows, factor, isNew: false });
    }
  }
  return found.sort(
    (a, b) =>
      kindOrder[a.kind] - kindOrder[b.kind] ||
      Number(b.isNew) - Number(a.isNew) ||
      bucket(b.rate) - bucket(a.rate) ||
      bucket(b.count) - bucket(a.count) ||
      (a.edge.id < b.edge.id ? -1 : 1),
  );
}

/** Rates that differ little count as one, or the list would never stand still. */
const bucket = (value: number): number => Math.round(Math.log2(1 + value * 8));
