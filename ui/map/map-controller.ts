import type { ServiceMap } from '../model/service-map.ts';
import { Emitter } from '../store/emitter.ts';
import type { MapLevel } from '../store/view-state.ts';
import { type Camera, centreOn, fitCamera, isWithin, type Point, type Size, zoomAt } from './camera.ts';
import { isFar, type MapLook, WORKLOAD_SCALE } from './draw-map.ts';
import { drawOverlay, type Focus } from './draw-overlay.ts';
import { type GraphMessage, graphMessage } from './graph.ts';
import { HitIndex } from './hit-index.ts';
import { keepPlaces, keptPlaces } from './kept-places.ts';
import { readPalette } from './palette.ts';
import { placeScene } from './placed-scene.ts';
import { fillScene, type Scene } from './scene.ts';
import type { FromMapWorker, LayoutMessage, ToMapWorker } from './worker-messages.ts';

/** The part of the map that lives in the page: camera, what is pointed at, and the canvas above the worker's. Tells when the camera or the layout has changed. */
export class MapController extends Emitter {
  camera: Camera = { scale: 1, x: 0, y: 0 };
  size: Size = { width: 1, height: 1 };
  layout: LayoutMessage | null = null;
  scene: Scene | null = null;
  hits: HitIndex | null = null;
  focus: Focus = { hover: '', keyboard: '' };
  /** Frames that the worker has drawn, and what the last one took: for tests and measurements. */
  readonly frames = { count: 0, drawMs: 0 };
  private readonly worker: Worker;
  private readonly base: HTMLCanvasElement;
  private readonly overlay: HTMLCanvasElement;
  private readonly observer: ResizeObserver;
  private level: MapLevel = 'auto';
  private selection = '';
  private palette = readPalette(document.documentElement);
  private shapeSent: { readonly map: ServiceMap; readonly shape: number; readonly key: string } | null = null;
  private shape: GraphMessage['shape'] = null;
  private values = new Float32Array(0);
  private frame = 0;
  private isFitted = false;
  /** A person has moved the map: it is theirs then. */
  private isMoved = false;
  private screen = '';

  /** @param host fills with two canvases. `close` removes them and ends the worker. */
  constructor(host: HTMLElement) {
    super();
    this.worker = new Worker(new URL('./map-worker.ts', import.meta.url), { type: 'module', name: 'map' });
    this.worker.addEventListener('message', ({ data }: MessageEvent<FromMapWorker>) => this.take(data));
    this.base = host.appendChild(document.createElement('canvas'));
    this.overlay = host.appendChild(document.createElement('canvas'));
    for (const canvas of [this.base, this.overlay]) canvas.className = 'map-canvas';
    const canvas = this.base.transferControlToOffscreen();
    this.post({ kind: 'canvas', canvas }, [canvas]);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(host);
    addEventListener('themechange', this.onTheme);
    this.resize();
  }

  close(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    removeEventListener('themechange', this.onTheme);
    this.worker.terminate();
    this.base.remove();
    this.overlay.remove();
  }

  /** Takes what was counted. */
  show(map: ServiceMap, layoutKey: string): void {
    const sent = this.shapeSent;
    if (sent?.key !== layoutKey) {
      this.post({ kind: 'places', layoutKey, islands: keptPlaces(localStorage, layoutKey, Date.now()) });
    }
    const withShape = sent === null || sent.map !== map || sent.shape !== map.shape || sent.key !== layoutKey;
    const graph = graphMessage(map, layoutKey, withShape);
    if (graph.shape !== null) {
      this.shapeSent = { map, shape: map.shape, key: layoutKey };
      this.shape = graph.shape;
    }
    this.values = graph.values.slice();
    // Until the worker has placed what is new, the scene has fewer edges than there are numbers.
    if (graph.shape === null && this.scene !== null) fillScene(this.scene, this.values);
    this.post({ kind: 'graph', graph }, [graph.values.buffer]);
    this.draw();
  }

  /** Takes what the URL says. */
  setView(level: MapLevel, selection: string): void {
    if (level === this.level && selection === this.selection) return;
    this.level = level;
    this.selection = selection;
    this.postLook();
    this.reveal();
    this.draw();
  }

  setFocus(part: Partial<Focus>): void {
    const next = { ...this.focus, ...part };
    if (next.hover === this.focus.hover && next.keyboard === this.focus.keyboard) return;
    this.focus = next;
    this.overlay.classList.toggle('is-over', next.hover !== '');
    if (part.keyboard !== undefined && part.keyboard !== '') this.bring(part.keyboard);
    this.draw();
  }

  get isFar(): boolean {
    return isFar(this.level, this.camera.scale);
  }

  /** Shows all of the map. */
  fit(): void {
    if (this.layout === null) return;
    this.isFitted = true;
    this.isMoved = false;
    this.moveTo(fitCamera(this.layout.bounds, this.size));
  }

  zoom(factor: number, at: Point = { x: this.size.width / 2, y: this.size.height / 2 }): void {
    this.isMoved = true;
    this.moveTo(zoomAt(this.camera, at, factor));
  }

  pan(dx: number, dy: number): void {
    this.isMoved = true;
    this.moveTo({ ...this.camera, x: this.camera.x + dx, y: this.camera.y + dy });
  }

  /** Brings a node, an island or an edge to the middle, near enough to be read. */
  find(what: string): void {
    const rect = this.rectOf(what);
    if (rect === null) return;
    this.isMoved = true;
    this.moveTo(
      what.startsWith('island:')
        ? fitCamera(rect, this.size, 90)
        : centreOn(this.camera, rect, this.size, Math.max(0.9, WORKLOAD_SCALE)),
    );
  }

  /** Moves the middle of the screen to a point of the map. */
  centre({ x, y }: Point): void {
    this.isMoved = true;
    this.moveTo(centreOn(this.camera, { x, y, width: 0, height: 0 }, this.size, 0));
  }

  private take(message: FromMapWorker): void {
    if (message.kind === 'frame') {
      this.frames.count++;
      this.frames.drawMs = message.drawMs;
      return;
    }
    const before = this.layout;
    this.layout = message;
    if (message.places !== null) keepPlaces(localStorage, message.layoutKey, message.places, Date.now());
    const scene = this.shape === null ? null : placeScene(this.shape, message);
    if (scene !== null) {
      this.scene = scene;
      if (this.values.length > 0) fillScene(this.scene, this.values);
      this.hits = new HitIndex(scene);
    }
    const isOther = before === null || before.layoutKey !== message.layoutKey;
    const hasGrown =
      !isOther &&
      (before.bounds.width !== message.bounds.width || before.bounds.height !== message.bounds.height);
    if (message.islands.length > 0 && (!this.isFitted || isOther || (hasGrown && !this.isMoved))) {
      this.fit();
      this.reveal();
    }
    this.draw();
    this.changed();
  }

  /** Brings what is selected into view where it is not, and nothing else. */
  private reveal(): void {
    if (this.selection !== '') this.bring(this.selection);
  }

  private bring(what: string): void {
    const rect = this.rectOf(what);
    if (rect === null || isWithin(this.camera, rect, this.size)) return;
    this.moveTo(centreOn(this.camera, rect, this.size, 0));
  }

  private rectOf(what: string): { x: number; y: number; width: number; height: number } | null {
    const { scene } = this;
    const at = what.indexOf(':');
    const id = what.slice(at + 1);
    if (scene === null) return null;
    if (what.startsWith('node:')) return scene.nodes.get(id)?.rect ?? null;
    if (what.startsWith('island:')) return scene.islands.find(({ island }) => island.id === id)?.rect ?? null;
    const edge = what.startsWith('edge:') ? scene.edges.find((each) => each.id === id) : undefined;
    if (edge === undefined) return null;
    const [from, to] = [scene.nodes.get(edge.fromId)!.rect, scene.nodes.get(edge.toId)!.rect];
    const x = Math.min(from.x, to.x);
    const y = Math.min(from.y, to.y);
    return {
      x,
      y,
      width: Math.max(from.x + from.width, to.x + to.width) - x,
      height: Math.max(from.y + from.height, to.y + to.height) - y,
    };
  }

  private moveTo(camera: Camera): void {
    this.camera = camera;
    this.draw();
    this.changed();
  }

  /** Once a frame: the camera goes to the worker, and what is looked at is drawn. */
  private draw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.post({ kind: 'camera', camera: this.camera });
      this.drawOverlay();
    });
  }

  private drawOverlay(): void {
    const context = this.overlay.getContext('2d');
    if (context === null || this.scene === null) return;
    drawOverlay(context, this.scene, this.camera, this.look(), this.focus);
  }

  private look(): MapLook {
    const { size, palette, level, selection } = this;
    return { size, ratio: devicePixelRatio, palette, level, selection };
  }

  private postLook(): void {
    this.post({ kind: 'look', look: this.look() });
  }

  private post(message: ToMapWorker, transfer: Transferable[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  private resize(): void {
    const { width, height } = this.overlay.getBoundingClientRect();
    if (width === 0 || height === 0) return;
    this.size = { width, height };
    this.overlay.width = Math.round(width * devicePixelRatio);
    this.overlay.height = Math.round(height * devicePixelRatio);
    this.postLook();
    const screen = `${innerWidth}x${innerHeight}`;
    const isOfWindow = screen !== this.screen;
    this.screen = screen;
    // A panel that opens beside the map moves nothing on it, unless it would cover what is selected.
    if (isOfWindow && this.isFitted && !this.isMoved) this.fit();
    else this.reveal();
    this.drawOverlay();
    this.draw();
    this.changed();
  }

  private readonly onTheme = (): void => {
    this.palette = readPalette(document.documentElement);
    this.postLook();
    this.draw();
  };
}
