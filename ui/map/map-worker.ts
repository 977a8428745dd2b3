import interLatin from '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?url';
import interLatinExt from '@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2?url';
import { MapLayout } from '../layout/map-layout.ts';
import type { Camera } from './camera.ts';
import { drawMap, type MapLook } from './draw-map.ts';
import type { GraphMessage } from './graph.ts';
import { buildScene, fillScene, type Scene } from './scene.ts';
import type { FromMapWorker, ToMapWorker } from './worker-messages.ts';

/** Lays the map out and draws it, so that the page never waits for either. */

const scope = self as unknown as {
  addEventListener(kind: 'message', listener: (event: MessageEvent<ToMapWorker>) => void): void;
  postMessage(message: FromMapWorker): void;
  requestAnimationFrame(callback: () => void): number;
  readonly fonts: FontFaceSet;
};

const MAX_LAYOUTS = 8;
const layouts = new Map<string, MapLayout>();
/** That of the last layout message. */
let laidOutKey: string | null = null;
let canvas: OffscreenCanvas | null = null;
let scene: Scene | null = null;
let camera: Camera | null = null;
let look: MapLook | null = null;
let isAsked = false;

scope.addEventListener('message', ({ data }) => {
  if (data.kind === 'canvas') canvas = data.canvas;
  else if (data.kind === 'camera') camera = data.camera;
  else if (data.kind === 'look') takeLook(data.look);
  else if (data.kind === 'places') layoutFor(data.layoutKey).restore(data.islands);
  else takeGraph(data.graph);
  redraw();
});

function takeLook(next: MapLook): void {
  look = next;
  if (canvas === null) return;
  const [width, height] = [
    Math.round(next.size.width * next.ratio),
    Math.round(next.size.height * next.ratio),
  ];
  if (canvas.width === width && canvas.height === height) return;
  Object.assign(canvas, { width, height });
  draw(); // at once: a canvas of another size is blank until it is drawn
}

function takeGraph({ layoutKey, shape, values }: GraphMessage): void {
  if (shape !== null) {
    const layout = layoutFor(layoutKey);
    const links = shape.edges.map(({ from, to }) => ({ from: shape.nodes[from].id, to: shape.nodes[to].id }));
    const hasGrown = layout.place(shape.nodes, links);
    const isOther = layoutKey !== laidOutKey;
    laidOutKey = layoutKey;
    scene = buildScene(shape, layout);
    const shown = new Set(scene.islands.map(({ island }) => island.id));
    const islands = layout.list().filter(({ island }) => shown.has(island.id));
    const rects = [...scene.nodes].map(([id, { rect }]) => [id, rect] as const);
    const { bounds } = scene;
    const places = hasGrown || isOther ? layout.save() : null;
    scope.postMessage({ kind: 'layout', layoutKey, islands, rects, bounds, places });
  }
  if (scene !== null) fillScene(scene, values);
}

/** Places outlive a change of the question, so that going back shows the same picture. */
function layoutFor(key: string): MapLayout {
  const known = layouts.get(key) ?? new MapLayout();
  layouts.delete(key);
  layouts.set(key, known);
  for (const oldest of layouts.keys()) {
    if (layouts.size <= MAX_LAYOUTS) break;
    layouts.delete(oldest);
  }
  return known;
}

function redraw(): void {
  if (isAsked) return;
  isAsked = true;
  scope.requestAnimationFrame(() => {
    isAsked = false;
    draw();
  });
}

function draw(): void {
  const context = canvas?.getContext('2d');
  if (!context || scene === null || camera === null || look === null) return;
  const beganMs = performance.now();
  drawMap(context, scene, camera, look);
  scope.postMessage({ kind: 'frame', drawMs: performance.now() - beganMs });
}

/** A worker knows none of the page's fonts. */
async function loadFonts(): Promise<void> {
  const faces = [
    [interLatin, 'U+0000-00FF,U+0131,U+0152-0153,U+2000-206F,U+20AC,U+2122,U+2190-2193,U+2212'],
    [interLatinExt, 'U+0100-02BA,U+1D00-1DBF,U+1E00-1E9F,U+1EF2-1EFF'],
  ].map(([url, unicodeRange]) => {
    return new FontFace('Inter Variable', `url(${new URL(url, location.href).href})`, {
      weight: '100 900',
      unicodeRange,
    });
  });
  for (const face of faces) scope.fonts.add(face);
  await Promise.all(faces.map((face) => face.load()));
  redraw();
}

void loadFonts().catch(() => {}); // the system's font is in use until then, and stays
