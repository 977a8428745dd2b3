import type { Rect } from '../layout/map-layout.ts';
import type { MapLayout } from '../layout/map-layout.ts';
import { addCounts, type Counts, type Edge, noCounts, type ServiceMap } from '../model/service-map.ts';
import type { Island, ServiceNode } from '../model/service-node.ts';
import { type Curve, edgeCurve } from './edge-path.ts';

/** How an edge or a node looks: by the worst that happened in the window. */
export type Tone = 'forwarded' | 'audit' | 'dropped';

export interface DrawnNode {
  readonly node: ServiceNode;
  readonly rect: Rect;
  readonly rate: Counts;
  readonly total: Counts;
  readonly tone: Tone;
}

export interface DrawnEdge {
  readonly id: string;
  /** The edge itself; of a bundle between islands, none. */
  readonly edge: Edge | null;
  readonly fromId: string;
  readonly toId: string;
  readonly curve: Curve;
  readonly rate: Counts;
  readonly total: Counts;
  readonly tone: Tone;
}

export interface DrawnIsland {
  readonly island: Island;
  readonly rect: Rect;
  readonly nodes: readonly DrawnNode[];
  readonly rate: Counts;
  readonly tone: Tone;
}

/** Everything that can be seen of a map, where it is to be drawn. */
export interface Scene {
  readonly islands: readonly DrawnIsland[];
  readonly nodes: ReadonlyMap<string, DrawnNode>;
  readonly edges: readonly DrawnEdge[];
  /** All edges between two islands as one. */
  readonly bundles: readonly DrawnEdge[];
  readonly bounds: Rect;
}

/** The worst of what was counted. */
export function toneOf({ dropped, errors, audited }: Counts): Tone {
  return dropped + errors > 0 ? 'dropped' : audited > 0 ? 'audit' : 'forwarded';
}

/** Joins what is counted with where it stands. Pure. */
export function buildScene(map: ServiceMap, layout: MapLayout): Scene {
  const sums = new Map<string, { rate: Counts; total: Counts }>();
  const sumOf = (id: string): { rate: Counts; total: Counts } => {
    let sum = sums.get(id);
    if (sum === undefined) sums.set(id, (sum = { rate: noCounts(), total: noCounts() }));
    return sum;
  };
  for (const { from, to, rate, total } of map.edges.values()) {
    for (const id of new Set([from.id, to.id])) {
      addCounts(sumOf(id).rate, rate);
      addCounts(sumOf(id).total, total);
    }
  }
  const nodes = new Map<string, DrawnNode>();
  for (const node of map.nodes.values()) {
    const rect = layout.card(node.id);
    if (rect === undefined) continue;
    const { rate, total } = sumOf(node.id);
    nodes.set(node.id, { node, rect, rate, total, tone: toneOf(total) });
  }
  const islands = layout.list().flatMap(({ island, rect, nodeIds }) => {
    const members = nodeIds.flatMap((id) => nodes.get(id) ?? []);
    const rate = noCounts();
    const total = noCounts();
    for (const member of members) {
      addCounts(rate, member.rate);
      addCounts(total, member.total);
    }
    return members.length === 0 ? [] : [{ island, rect, nodes: members, rate, tone: toneOf(total) }];
  });
  return {
    islands,
    nodes,
    edges: drawEdges(map, nodes),
    bundles: drawBundles(map, islands),
    bounds: layout.bounds(),
  };
}

function drawEdges(map: ServiceMap, nodes: ReadonlyMap<string, DrawnNode>): DrawnEdge[] {
  return [...map.edges.values()].flatMap((edge) => {
    const from = nodes.get(edge.from.id);
    const to = nodes.get(edge.to.id);
    if (from === undefined || to === undefined || from === to) return [];
    const { id, rate, total } = edge;
    const curve = edgeCurve(from.rect, to.rect);
    return [{ id, edge, fromId: edge.from.id, toId: edge.to.id, curve, rate, total, tone: toneOf(total) }];
  });
}

function drawBundles(map: ServiceMap, islands: readonly DrawnIsland[]): DrawnEdge[] {
  const rects = new Map(islands.map(({ island, rect }) => [island.id, rect]));
  const bundles = new Map<string, { fromId: string; toId: string; rate: Counts; total: Counts }>();
  for (const { from, to, rate, total } of map.edges.values()) {
    const [fromId, toId] = [from.island.id, to.island.id];
    if (fromId === toId) continue;
    const id = `${fromId}>${toId}`;
    let bundle = bundles.get(id);
    if (bundle === undefined) {
      bundles.set(id, (bundle = { fromId, toId, rate: noCounts(), total: noCounts() }));
    }
    addCounts(bundle.rate, rate);
    addCounts(bundle.total, total);
  }
  return [...bundles].flatMap(([id, { fromId, toId, rate, total }]) => {
    const [from, to] = [rects.get(fromId), rects.get(toId)];
    if (from === undefined || to === undefined) return [];
    return [{ id, edge: null, fromId, toId, curve: edgeCurve(from, to), rate, total, tone: toneOf(total) }];
  });
}
