import type { Camera, Size } from './camera.ts';
import { drawBundle, drawEdge, drawEdgeLabel } from './draw-edge.ts';
import { drawCard, drawIsland, drawIslandFar } from './draw-island.ts';
import type { Palette } from './palette.ts';
import type { DrawnEdge, Scene } from './scene.ts';

/** Below this scale the map shows namespaces, above it workloads. */
export const WORKLOAD_SCALE = 0.42;

/** What a person points at or has chosen. */
export interface Focus {
  readonly hoverNode: string;
  readonly hoverEdge: string;
  readonly selectedNode: string;
  readonly selectedEdge: string;
}

/** Draws all of the map that the camera sees. */
export function drawMap(
  context: CanvasRenderingContext2D,
  scene: Scene,
  camera: Camera,
  { size, ratio, palette, focus }: { size: Size; ratio: number; palette: Palette; focus: Focus },
): void {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, size.width, size.height);
  drawDots(context, camera, size, palette);
  context.setTransform(ratio * camera.scale, 0, 0, ratio * camera.scale, ratio * camera.x, ratio * camera.y);
  const style = { context, palette, scale: camera.scale };
  if (camera.scale < WORKLOAD_SCALE) {
    for (const bundle of byWeight(scene.bundles)) drawBundle(style, bundle);
    for (const island of scene.islands) drawIslandFar(style, island);
    return;
  }
  for (const island of scene.islands) drawIsland(style, island);
  const chosen = focus.selectedEdge || focus.hoverEdge;
  const node = focus.selectedNode || focus.hoverNode;
  const isLit = ({ id, fromId, toId }: DrawnEdge): boolean =>
    chosen !== '' ? id === chosen : node === '' || fromId === node || toId === node;
  for (const edge of byWeight(scene.edges)) drawEdge(style, edge, isLit(edge));
  const ends = litNodes(scene, focus);
  for (const drawn of scene.nodes.values()) {
    const { id } = drawn.node;
    const isChosen = ends.chosen.has(id);
    drawCard(style, drawn, { isChosen, isDim: ends.lit !== null && !ends.lit.has(id) });
  }
  for (const edge of scene.edges) if (edge.id === chosen) drawEdgeLabel(style, edge);
}

/** Quiet edges first, so that the loud and the bad ones lie above them. */
function byWeight(edges: readonly DrawnEdge[]): DrawnEdge[] {
  const weight = { forwarded: 0, audit: 1, dropped: 2 } as const;
  return [...edges].sort((a, b) => weight[a.tone] - weight[b.tone] || a.rate.flows - b.rate.flows);
}

function litNodes(
  { edges }: Scene,
  { selectedEdge, hoverEdge, selectedNode, hoverNode }: Focus,
): { chosen: ReadonlySet<string>; lit: ReadonlySet<string> | null } {
  const edgeId = selectedEdge || hoverEdge;
  if (edgeId !== '') {
    const edge = edges.find(({ id }) => id === edgeId);
    const ends = new Set(edge === undefined ? [] : [edge.fromId, edge.toId]);
    return { chosen: ends, lit: selectedEdge === '' || edge === undefined ? null : ends };
  }
  const node = selectedNode || hoverNode;
  if (node === '') return { chosen: new Set(), lit: null };
  const lit = new Set([node]);
  for (const { fromId, toId } of edges) {
    if (fromId === node) lit.add(toId);
    if (toId === node) lit.add(fromId);
  }
  return { chosen: new Set([node]), lit: selectedNode === '' ? null : lit };
}

function drawDots(context: CanvasRenderingContext2D, camera: Camera, size: Size, palette: Palette): void {
  const step = 24 * Math.max(1, camera.scale);
  context.fillStyle = palette.dots;
  for (let x = ((camera.x % step) + step) % step; x < size.width; x += step) {
    for (let y = ((camera.y % step) + step) % step; y < size.height; y += step) context.fillRect(x, y, 1, 1);
  }
}
