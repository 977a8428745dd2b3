import type { Camera, Size } from './camera.ts';
import { type Context, drawBundle, drawEdge, drawMark, drawPorts, type Style } from './draw-edge.ts';
import { drawCard, drawCluster, drawFrame, drawIsland, drawIslandFar } from './draw-island.ts';
import { toneWeight } from './graph.ts';
import type { Palette } from './palette.ts';
import type { DrawnEdge, Scene } from './scene.ts';
import type { Rect } from '../layout/map-layout.ts';

/** Below this scale the map shows namespaces, above it workloads. */
export const WORKLOAD_SCALE = 0.42;
/** From here on edges have their ports written on them. */
const PORTS_SCALE = 1.3;
/** Edges that are drawn at most, the heaviest and the bad ones first. */
export const MAX_EDGES = 800;
const DIM = 0.22;

/** Whether the map is drawn from afar. */
export function isFar(level: 'auto' | 'namespaces' | 'workloads' | 'pods', scale: number): boolean {
  return level === 'auto' ? scale < WORKLOAD_SCALE : level === 'namespaces';
}

/** How a map is to be drawn. */
export interface MapLook {
  readonly size: Size;
  readonly ratio: number;
  readonly palette: Palette;
  readonly level: 'auto' | 'namespaces' | 'workloads' | 'pods';
  /** `edge:…`, `node:…` or empty. */
  readonly selection: string;
}

/** Draws all of the map that the camera sees. */
export function drawMap(context: Context, scene: Scene, camera: Camera, look: MapLook): void {
  const { size, ratio, palette, level } = look;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, size.width, size.height);
  drawDots(context, camera, size, palette);
  context.setTransform(ratio * camera.scale, 0, 0, ratio * camera.scale, ratio * camera.x, ratio * camera.y);
  const style: Style = { context, palette, scale: camera.scale };
  const seen: Rect = {
    x: -camera.x / camera.scale,
    y: -camera.y / camera.scale,
    width: size.width / camera.scale,
    height: size.height / camera.scale,
  };
  for (const cluster of scene.clusters) drawCluster(style, cluster);
  if (isFar(level, camera.scale)) drawFar(style, scene, look);
  else drawNear(style, scene, look, seen);
}

function drawFar(style: Style, scene: Scene, { selection }: MapLook): void {
  const lit = litNodes(scene, selection);
  const islands = lit === null ? null : new Set([...lit].map((id) => scene.nodes.get(id)?.node.island.id));
  const isLit = (id: string): boolean => islands === null || islands.has(id);
  const calm = calmOf(scene.bundles.length, 40);
  for (const bundle of byWeight(scene.bundles)) {
    drawBundle({ ...style, calm }, bundle, isLit(bundle.fromId) && isLit(bundle.toId) ? 1 : DIM);
  }
  for (const drawn of scene.islands) drawIslandFar(style, drawn, isLit(drawn.island.id) ? 1 : 0.5);
}

function drawNear(style: Style, scene: Scene, { selection }: MapLook, seen: Rect): void {
  const { scale } = style;
  const lit = litNodes(scene, selection);
  const litIslands = lit === null ? null : new Set([...lit].map((id) => scene.nodes.get(id)?.node.island.id));
  const isLit = ({ id, fromId, toId }: DrawnEdge): boolean => {
    if (lit === null) return true;
    if (selection.startsWith('edge:')) return selection === `edge:${id}`;
    const node = selection.slice(5);
    return fromId === node || toId === node;
  };
  for (const drawn of scene.islands) {
    if (!meets(drawn.rect, seen)) continue;
    drawIsland(style, drawn, litIslands === null || litIslands.has(drawn.island.id) ? 1 : 0.6);
  }
  const edges = byWeight(scene.edges.filter((edge) => isSeen(edge, seen))).slice(-MAX_EDGES);
  const calm = calmOf(edges.length, 60);
  for (const edge of edges) if (!isLit(edge)) drawEdge({ ...style, calm }, edge, DIM * 0.7);
  for (const edge of edges) if (isLit(edge)) drawEdge(lit === null ? { ...style, calm } : style, edge, 1);
  for (const frame of scene.frames) {
    if (meets(frame.rect, seen)) {
      drawFrame(style, frame, lit === null || frame.podIds.some((id) => lit.has(id)) ? 1 : 0.5);
    }
  }
  for (const drawn of scene.nodes.values()) {
    if (!meets(drawn.rect, seen)) continue;
    drawCard(style, drawn, { isChosen: false, alpha: lit === null || lit.has(drawn.node.id) ? 1 : 0.35 });
  }
  for (const edge of edges) if (edge.fromId !== edge.toId) drawMark(style, edge, isLit(edge) ? 1 : DIM);
  if (scale < PORTS_SCALE) return;
  for (const edge of edges) drawPorts(style, edge, isLit(edge) ? 1 : DIM);
}

/** Nodes that stay bright while something is chosen; null = all. */
function litNodes({ edges, nodes }: Scene, selection: string): ReadonlySet<string> | null {
  const id = selection.slice(5);
  if (selection.startsWith('edge:')) {
    const edge = edges.find((each) => each.id === id);
    return edge === undefined ? null : new Set([edge.fromId, edge.toId]);
  }
  if (!selection.startsWith('node:') || !nodes.has(id)) return null;
  const lit = new Set([id]);
  for (const { fromId, toId } of edges) {
    if (fromId === id) lit.add(toId);
    if (toId === id) lit.add(fromId);
  }
  return lit;
}

/** Up to `few` edges keep their strength; of more, each keeps less, or the map would be one colour. */
function calmOf(count: number, few: number): number {
  return Math.max(0.1, Math.min(1, Math.sqrt(few / Math.max(1, count))));
}

/** Quiet edges first, so that the loud and the bad ones lie above them. */
function byWeight(edges: readonly DrawnEdge[]): DrawnEdge[] {
  return [...edges].sort((a, b) => toneWeight[a.tone] - toneWeight[b.tone] || a.rate.flows - b.rate.flows);
}

function meets(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function isSeen({ curve }: DrawnEdge, seen: Rect): boolean {
  const xs = curve.map(({ x }) => x);
  const ys = curve.map(({ y }) => y);
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return meets({ x, y, width: Math.max(...xs) - x + 1, height: Math.max(...ys) - y + 1 }, seen);
}

function drawDots(context: Context, camera: Camera, size: Size, palette: Palette): void {
  const step = 24 * Math.max(1, camera.scale);
  context.fillStyle = palette.dots;
  for (let x = ((camera.x % step) + step) % step; x < size.width; x += step) {
    for (let y = ((camera.y % step) + step) % step; y < size.height; y += step)
      context.fillRect(x, y, 1.2, 1.2);
  }
}
