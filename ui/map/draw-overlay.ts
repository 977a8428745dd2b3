import type { Camera } from './camera.ts';
import { drawBundle, drawEdge, drawEdgeLabel, type Style, trace } from './draw-edge.ts';
import { drawCard } from './draw-island.ts';
import { isFar, type MapLook } from './draw-map.ts';
import type { DrawnEdge, Scene } from './scene.ts';

/** What a person points at, has chosen, or has reached by keyboard. */
export interface Focus {
  /** `edge:…`, `bundle:…`, `island:…`, `node:…` or empty. */
  readonly hover: string;
  /** The same; drawn with the ring of the keyboard's focus. */
  readonly keyboard: string;
}

const MAX_LABELS = 14;

/** Draws what is looked at above the map: its edges with their labels, and rings around cards. */
export function drawOverlay(
  context: CanvasRenderingContext2D,
  scene: Scene,
  camera: Camera,
  look: MapLook,
  { hover, keyboard }: Focus,
): void {
  const { size, ratio, palette, level, selection } = look;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  context.setTransform(ratio * camera.scale, 0, 0, ratio * camera.scale, ratio * camera.x, ratio * camera.y);
  const style: Style = { context, palette, scale: camera.scale };
  const far = isFar(level, camera.scale);
  if (far) drawFarFocus(style, scene, [hover, keyboard]);
  else {
    for (const what of new Set([selection, keyboard, hover])) drawFocus(style, scene, what, what === hover);
  }
  drawRing(style, scene, keyboard);
}

function drawFocus(style: Style, scene: Scene, what: string, isFleeting: boolean): void {
  const id = what.slice(5);
  if (what.startsWith('edge:')) {
    const edge = scene.edges.find((each) => each.id === id);
    if (edge === undefined) return;
    emphasise(style, edge);
    for (const end of [edge.fromId, edge.toId]) redrawCard(style, scene, end, !isFleeting);
    drawEdgeLabel(style, edge);
  } else if (what.startsWith('node:') && scene.nodes.has(id)) {
    const edges = scene.edges.filter(({ fromId, toId }) => fromId === id || toId === id);
    for (const edge of edges) emphasise(style, edge);
    const ends = new Set(edges.flatMap(({ fromId, toId }) => [fromId, toId]));
    for (const end of ends) if (end !== id) redrawCard(style, scene, end, false);
    redrawCard(style, scene, id, true);
    const heaviest = [...edges].sort(
      (a, b) => b.total.dropped - a.total.dropped || b.rate.flows - a.rate.flows,
    );
    // Near the other end, where edges are apart.
    for (const edge of heaviest.slice(0, MAX_LABELS)) {
      drawEdgeLabel(style, edge, edge.fromId === id ? 0.68 : 0.32, true);
    }
  }
}

function drawFarFocus(style: Style, scene: Scene, whats: readonly string[]): void {
  for (const what of whats) {
    if (what.startsWith('bundle:')) {
      const bundle = scene.bundles.find(({ id }) => id === what.slice(7));
      if (bundle === undefined) continue;
      drawBundle(style, bundle, 2);
      drawEdgeLabel(style, bundle);
    } else if (what.startsWith('island:')) {
      const id = what.slice(7);
      for (const bundle of scene.bundles) {
        if (bundle.fromId === id || bundle.toId === id) drawBundle(style, bundle, 2);
      }
      drawRing(style, scene, what);
    }
  }
}

function emphasise(style: Style, edge: DrawnEdge): void {
  const { context, palette, scale } = style;
  trace(context, edge);
  context.globalAlpha = 0.2;
  context.strokeStyle = palette[edge.tone];
  context.lineWidth = 9 / Math.max(scale, 0.7);
  context.lineCap = 'round';
  context.stroke();
  context.lineCap = 'butt';
  context.globalAlpha = 1;
  drawEdge(style, edge, 1.25);
}

function redrawCard(style: Style, scene: Scene, id: string, isChosen: boolean): void {
  const drawn = scene.nodes.get(id);
  if (drawn !== undefined) drawCard(style, drawn, { isChosen, alpha: 1 });
}

/** The ring of the keyboard's focus around a card or an island. */
function drawRing({ context, palette, scale }: Style, scene: Scene, what: string): void {
  const rect = what.startsWith('node:')
    ? scene.nodes.get(what.slice(5))?.rect
    : what.startsWith('island:')
      ? scene.islands.find(({ island }) => island.id === what.slice(7))?.rect
      : undefined;
  if (rect === undefined) return;
  const room = 4 / scale;
  context.beginPath();
  context.roundRect(rect.x - room, rect.y - room, rect.width + 2 * room, rect.height + 2 * room, 9);
  context.strokeStyle = palette.accent;
  context.lineWidth = 2 / scale;
  context.stroke();
}
