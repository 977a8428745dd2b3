import type { ServiceNode } from '../model/service-node.ts';
import type { Conversation } from './conversations.ts';

/** A box of the scope graph. */
export interface ScopeNode {
  readonly id: string;
  readonly node: ServiceNode;
  readonly column: 'from' | 'own' | 'to';
  readonly x: number;
  readonly y: number;
}

/** All that one talks to another, on the side of the policy's endpoints. */
export interface ScopeEdge {
  readonly id: string;
  /** Id of the map's edge. */
  readonly edge: string;
  readonly from: ScopeNode;
  readonly to: ScopeNode;
  readonly ports: readonly string[];
  readonly dropped: number;
  readonly audited: number;
  readonly passed: number;
}

export interface ScopeGraph {
  readonly nodes: readonly ScopeNode[];
  readonly edges: readonly ScopeEdge[];
  readonly height: number;
  /** Peers for which there was no room. */
  readonly hidden: number;
}

export const SCOPE_WIDTH = 700;
export const BOX_WIDTH = 168;
export const BOX_HEIGHT = 36;
const GAP = 8;
const MAX_OF_COLUMN = 20;
const xs = { from: 1, own: (SCOPE_WIDTH - BOX_WIDTH) / 2, to: SCOPE_WIDTH - BOX_WIDTH - 1 } as const;

/** Places who talks with a policy's endpoints: callers at the left, the endpoints in the middle, whom they call at the right. At most 60 boxes; those with the most denied flows, then the most flows, are kept. */
export function scopeGraph(conversations: readonly Conversation[]): ScopeGraph {
  const weights = {
    from: new Map<string, number>(),
    own: new Map<string, number>(),
    to: new Map<string, number>(),
  };
  const known = new Map<string, ServiceNode>();
  for (const one of conversations) {
    const [own, peer] = one.side === 'egress' ? [one.from, one.to] : [one.to, one.from];
    const weight = (one.dropped + one.audited) * 1e6 + one.passed;
    for (const [column, node] of [
      ['own', own],
      [one.side === 'egress' ? 'to' : 'from', peer],
    ] as const) {
      known.set(node.id, node);
      weights[column].set(node.id, (weights[column].get(node.id) ?? 0) + weight);
    }
  }
  const kept = {
    from: heaviest(weights.from),
    own: heaviest(weights.own),
    to: heaviest(weights.to),
  };
  const most = Math.max(1, kept.from.length, kept.own.length, kept.to.length);
  const height = most * (BOX_HEIGHT + GAP) + GAP;
  // Without callers, or with nobody called, the endpoints take that side’s place.
  const ownX = kept.from.length === 0 ? xs.from : kept.to.length === 0 ? xs.to : xs.own;
  const placed = new Map<string, ScopeNode>();
  for (const column of ['from', 'own', 'to'] as const) {
    const top = (height - kept[column].length * (BOX_HEIGHT + GAP) + GAP) / 2;
    for (const [i, id] of kept[column].entries()) {
      const y = top + i * (BOX_HEIGHT + GAP);
      placed.set(`${column} ${id}`, {
        id: `${column} ${id}`,
        node: known.get(id)!,
        column,
        x: column === 'own' ? ownX : xs[column],
        y,
      });
    }
  }
  const total = weights.from.size + weights.own.size + weights.to.size;
  return {
    nodes: [...placed.values()],
    edges: edgesOf(conversations, placed),
    height,
    hidden: total - placed.size,
  };
}

function heaviest(weights: ReadonlyMap<string, number>): string[] {
  return [...weights]
    .sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1))
    .slice(0, MAX_OF_COLUMN)
    .map(([id]) => id);
}

function edgesOf(
  conversations: readonly Conversation[],
  placed: ReadonlyMap<string, ScopeNode>,
): ScopeEdge[] {
  const edges = new Map<string, ScopeEdge>();
  for (const {
    side,
    from: source,
    to: target,
    edge,
    port,
    protocol,
    dropped,
    audited,
    passed,
  } of conversations) {
    const from = placed.get(`${side === 'egress' ? 'own' : 'from'} ${source.id}`);
    const to = placed.get(`${side === 'egress' ? 'to' : 'own'} ${target.id}`);
    if (from === undefined || to === undefined) continue;
    const id = `${from.id}>${to.id}`;
    const known = edges.get(id) ?? { id, edge, from, to, ports: [], dropped: 0, audited: 0, passed: 0 };
    const text = port === '' ? protocol : `:${port}`;
    edges.set(id, {
      ...known,
      ports: known.ports.includes(text) ? known.ports : [...known.ports, text],
      dropped: known.dropped + dropped,
      audited: known.audited + audited,
      passed: known.passed + passed,
    });
  }
  return [...edges.values()];
}
