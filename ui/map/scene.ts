import { type LaidCard, type LaidIsland, enclose, type MapLayout, type Rect } from '../layout/map-layout.ts';
import { addCounts, type Counts, noCounts } from '../model/service-map.ts';
import type { Island, ServiceNode } from '../model/service-node.ts';
import { type Curve, edgeCurve } from './edge-path.ts';
import { EDGE_VALUES, type GraphMessage, readCounts, type Tone, toneOf, toneWeight } from './graph.ts';

export interface DrawnNode {
  readonly node: ServiceNode;
  readonly rect: Rect;
  readonly rate: Counts;
  readonly total: Counts;
  tone: Tone;
}

export interface DrawnEdge {
  readonly id: string;
  readonly fromId: string;
  readonly toId: string;
  readonly curve: Curve;
  readonly ports: string;
  readonly rate: Counts;
  readonly total: Counts;
  tone: Tone;
}

/** The frame around the pods of a workload. */
export interface DrawnFrame extends LaidCard {
  readonly islandId: string;
}

export interface DrawnIsland {
  readonly island: Island;
  readonly rect: Rect;
  readonly nodes: readonly DrawnNode[];
  /** What went in, out or within, each flow once. */
  readonly rate: Counts;
  readonly total: Counts;
  tone: Tone;
}

/** The islands of a cluster, with what to write on them. */
export interface DrawnCluster {
  readonly name: string;
  readonly rect: Rect;
}

/** Everything that can be seen of a map, where it is to be drawn. */
export interface Scene {
  readonly clusters: readonly DrawnCluster[];
  readonly islands: readonly DrawnIsland[];
  readonly frames: readonly DrawnFrame[];
  readonly nodes: ReadonlyMap<string, DrawnNode>;
  /** As in the message. */
  readonly edges: readonly DrawnEdge[];
  /** All edges between two islands as one. */
  readonly bundles: readonly DrawnEdge[];
  readonly bounds: Rect;
}

type Shape = NonNullable<GraphMessage['shape']>;

/** Joins names with where they stand; `fillScene` puts the numbers in. */
export function buildScene({ nodes, edges }: Shape, layout: Pick<MapLayout, 'card' | 'list'>): Scene {
  const drawn = new Map<string, DrawnNode>();
  for (const node of nodes) {
    const rect = layout.card(node.id);
    if (rect !== undefined) drawn.set(node.id, { node, rect, ...nothing() });
  }
  const laid = layout.list();
  const islands = laid.flatMap(({ island, rect, cards }) => {
    const ids = cards.flatMap(({ id, podIds }) => [id, ...podIds]);
    const members = ids.flatMap((id) => drawn.get(id) ?? []);
    return members.length === 0 ? [] : [{ island, rect, nodes: members, ...nothing() }];
  });
  const rects = new Map(islands.map(({ island, rect }) => [island.id, rect]));
  const bundles = new Map<string, DrawnEdge>();
  const drawnEdges = edges.map(({ id, from, to, ports }): DrawnEdge => {
    const [a, b] = [nodes[from], nodes[to]];
    const [fromId, toId] = [a.island.id, b.island.id];
    const bundleId = `${fromId}>${toId}`;
    if (fromId !== toId && !bundles.has(bundleId)) {
      const curve = edgeCurve(rects.get(fromId)!, rects.get(toId)!);
      bundles.set(bundleId, { id: bundleId, fromId, toId, curve, ports: '', ...nothing() });
    }
    const curve = edgeCurve(drawn.get(a.id)!.rect, drawn.get(b.id)!.rect);
    return { id, fromId: a.id, toId: b.id, curve, ports, ...nothing() };
  });
  const clusters = clustersOf(laid.filter(({ island }) => rects.has(island.id)));
  return {
    clusters,
    islands,
    frames: laid.flatMap(({ island, cards }) =>
      cards.filter(({ podIds }) => podIds.length > 0).map((card) => ({ ...card, islandId: island.id })),
    ),
    nodes: drawn,
    edges: drawnEdges,
    bundles: [...bundles.values()],
    bounds: enclose([...islands, ...clusters].map(({ rect }) => rect)),
  };
}

/** What numbers are added up for: cards, islands, edges. */
interface Part {
  readonly rate: Counts;
  readonly total: Counts;
  tone: Tone;
}

const wholes = new WeakMap<Scene, readonly (readonly Part[])[]>();

/** Puts the numbers of a message into the scene that was built of the same shape. */
export function fillScene(scene: Scene, values: Float32Array): void {
  let whole = wholes.get(scene);
  if (whole === undefined) wholes.set(scene, (whole = wholesOf(scene)));
  for (const parts of [scene.nodes.values(), scene.islands, scene.bundles]) {
    for (const part of parts) reset(part);
  }
  for (const [i, edge] of scene.edges.entries()) {
    readCounts(edge.rate, values, i * EDGE_VALUES);
    readCounts(edge.total, values, i * EDGE_VALUES + 6);
    edge.tone = toneOf(edge.total);
    for (const part of whole[i]) {
      addCounts(part.rate, edge.rate);
      addCounts(part.total, edge.total);
      if (toneWeight[edge.tone] > toneWeight[part.tone]) part.tone = edge.tone;
    }
  }
}

/** What each edge is part of, each once: its cards, their islands, and what joins these. */
function wholesOf({ edges, nodes, islands, bundles }: Scene): Part[][] {
  const islandOf = new Map(islands.map((drawn) => [drawn.island.id, drawn]));
  const bundleOf = new Map(bundles.map((bundle) => [bundle.id, bundle]));
  return edges.map(({ fromId, toId }) => {
    const [from, to] = [nodes.get(fromId)!, nodes.get(toId)!];
    const [a, b] = [from.node.island.id, to.node.island.id];
    const parts = new Set([from, to, islandOf.get(a), islandOf.get(b), bundleOf.get(`${a}>${b}`)]);
    return [...parts].filter((part) => part !== undefined);
  });
}

function reset(part: Part): void {
  part.tone = 'forwarded';
  for (const counts of [part.rate, part.total]) readCounts(counts, zeros, 0);
}

const zeros = new Float32Array(EDGE_VALUES);

/** One frame around all islands of each cluster; none where there is but one cluster. */
function clustersOf(islands: readonly LaidIsland[]): DrawnCluster[] {
  const byCluster = [...Map.groupBy(islands, ({ island }) => island.cluster)].filter(([name]) => name !== '');
  if (byCluster.length < 2) return [];
  return byCluster.map(([name, members]) => {
    const { x, y, width, height } = enclose(members.map(({ rect }) => rect));
    return { name, rect: { x: x - 22, y: y - 34, width: width + 44, height: height + 56 } };
  });
}

const nothing = (): { rate: Counts; total: Counts; tone: Tone } => ({
  rate: noCounts(),
  total: noCounts(),
  tone: 'forwarded',
});
