import type { MapLayout } from '../layout/map-layout.ts';
import type { ServiceMap } from '../model/service-map.ts';
import { type Camera, centreOn, fitCamera, type Point, type Size, toMap, zoomAt } from './camera.ts';
import { drawMap, type Focus, WORKLOAD_SCALE } from './draw-map.ts';
import { drawMinimap } from './draw-minimap.ts';
import { distanceTo } from './edge-path.ts';
import { type Palette, readPalette } from './palette.ts';
import { buildScene, type Scene } from './scene.ts';

/** What a person does with the map. */
export interface MapCanvasListener {
  /** `edge:…`, `node:…`, or empty for the ground. */
  readonly onSelect: (selection: string) => void;
  readonly onLevel: (level: 'namespaces' | 'workloads') => void;
}

const NEAR_PX = 6;
const DRAG_PX = 4;

/** The canvas of the map: draws when something has changed, and knows what is where. */
export class MapCanvas {
  private readonly canvas: HTMLCanvasElement;
  private readonly listener: MapCanvasListener;
  private readonly layout: MapLayout;
  private readonly observer: ResizeObserver;
  private palette: Palette;
  private scene: Scene | null = null;
  private camera: Camera = { scale: 1, x: 0, y: 0 };
  private size: Size = { width: 1, height: 1 };
  private focus: Focus = { hoverNode: '', hoverEdge: '', selectedNode: '', selectedEdge: '' };
  private frame = 0;
  private isFitted = false;
  /** A person has moved the map: it is theirs then. */
  private isMoved = false;
  private drag: { last: Point; start: Point; isMoving: boolean } | null = null;

  constructor(canvas: HTMLCanvasElement, layout: MapLayout, listener: MapCanvasListener) {
    this.canvas = canvas;
    this.layout = layout;
    this.listener = listener;
    this.palette = readPalette(canvas);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    canvas.addEventListener('wheel', this.onWheel, { passive: false });
    canvas.addEventListener('pointerdown', this.onDown);
    canvas.addEventListener('pointermove', this.onMove);
    canvas.addEventListener('pointerup', this.onUp);
    canvas.addEventListener('pointerleave', this.onLeave);
    void document.fonts.ready.then(() => this.redraw());
    this.resize();
  }

  close(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    const { canvas } = this;
    canvas.removeEventListener('wheel', this.onWheel);
    canvas.removeEventListener('pointerdown', this.onDown);
    canvas.removeEventListener('pointermove', this.onMove);
    canvas.removeEventListener('pointerup', this.onUp);
    canvas.removeEventListener('pointerleave', this.onLeave);
  }

  /** Takes what was counted. */
  show(map: ServiceMap): void {
    const links = [...map.edges.values()].map(({ from, to }) => ({ from: from.id, to: to.id }));
    const before = this.layout.bounds();
    this.layout.place(map.nodes.values(), links);
    this.scene = buildScene(map, this.layout);
    const { bounds } = this.scene;
    const hasGrown = bounds.width !== before.width || bounds.height !== before.height;
    if (map.nodes.size > 0 && (!this.isFitted || (hasGrown && !this.isMoved))) this.fit();
    this.redraw();
  }

  select(selection: string): void {
    const [kind, id] = [selection.slice(0, 5), selection.slice(5)];
    this.focus = {
      ...this.focus,
      selectedNode: kind === 'node:' ? id : '',
      selectedEdge: kind === 'edge:' ? id : '',
    };
    this.redraw();
  }

  /** Shows all of the map. */
  fit(): void {
    if (this.scene === null) return;
    this.isFitted = true;
    this.isMoved = false;
    this.moveTo(fitCamera(this.scene.bounds, this.size));
  }

  zoom(factor: number): void {
    this.isMoved = true;
    this.moveTo(zoomAt(this.camera, { x: this.size.width / 2, y: this.size.height / 2 }, factor));
  }

  /** Goes to the scale at which namespaces, or workloads, are shown. */
  goTo(level: 'namespaces' | 'workloads'): void {
    const scale = level === 'namespaces' ? WORKLOAD_SCALE * 0.8 : Math.max(0.85, this.camera.scale);
    this.zoom(scale / this.camera.scale);
  }

  /** Brings a node to the middle. */
  find(nodeId: string): void {
    const drawn = this.scene?.nodes.get(nodeId);
    if (drawn === undefined) return;
    this.isMoved = true;
    this.moveTo(centreOn(this.camera, drawn.rect, this.size));
  }

  /** The theme has changed. */
  repaint(): void {
    this.palette = readPalette(this.canvas);
    this.redraw();
  }

  private moveTo(camera: Camera): void {
    this.camera = camera;
    this.listener.onLevel(camera.scale < WORKLOAD_SCALE ? 'namespaces' : 'workloads');
    this.redraw();
  }

  private redraw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    const context = this.canvas.getContext('2d');
    const { scene, camera, size, palette, focus } = this;
    if (context === null || scene === null) return;
    const ratio = devicePixelRatio;
    drawMap(context, scene, camera, { size, ratio, palette, focus });
    drawMinimap(context, scene, camera, { size, ratio, palette });
  }

  private resize(): void {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (width === 0 || height === 0) return;
    this.size = { width, height };
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    if (this.isFitted && !this.isMoved) this.fit();
    // At once: a canvas of another size is blank until it is drawn.
    this.draw();
  }

  private readonly onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    this.isMoved = true;
    this.moveTo(zoomAt(this.camera, this.pointOf(event), Math.exp(-event.deltaY * 0.0015)));
  };

  private readonly onDown = (event: PointerEvent): void => {
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.pointOf(event);
    this.drag = { last: at, start: at, isMoving: false };
  };

  private readonly onMove = (event: PointerEvent): void => {
    const at = this.pointOf(event);
    if (this.drag === null) {
      this.hover(at);
      return;
    }
    const { last, start } = this.drag;
    const isMoving = this.drag.isMoving || Math.hypot(at.x - start.x, at.y - start.y) > DRAG_PX;
    this.drag = { last: at, start, isMoving };
    if (!isMoving) return;
    this.isMoved = true;
    this.moveTo({ ...this.camera, x: this.camera.x + at.x - last.x, y: this.camera.y + at.y - last.y });
  };

  private readonly onUp = (event: PointerEvent): void => {
    const wasMoving = this.drag?.isMoving === true;
    this.drag = null;
    if (wasMoving) return;
    this.hover(this.pointOf(event));
    const { hoverNode, hoverEdge } = this.focus;
    this.listener.onSelect(
      hoverNode !== '' ? `node:${hoverNode}` : hoverEdge !== '' ? `edge:${hoverEdge}` : '',
    );
  };

  private readonly onLeave = (): void => {
    if (this.drag === null) this.setHover('', '');
  };

  private hover(at: Point): void {
    if (this.scene === null || this.camera.scale < WORKLOAD_SCALE) {
      this.setHover('', '');
      return;
    }
    const { x, y } = toMap(this.camera, at);
    for (const { node, rect } of this.scene.nodes.values()) {
      if (x >= rect.x && x <= rect.x + rect.width && y >= rect.y && y <= rect.y + rect.height) {
        this.setHover(node.id, '');
        return;
      }
    }
    let best = NEAR_PX / this.camera.scale;
    let found = '';
    for (const { id, curve } of this.scene.edges) {
      const distance = distanceTo(curve, { x, y });
      if (distance < best) [best, found] = [distance, id];
    }
    this.setHover('', found);
  }

  private setHover(hoverNode: string, hoverEdge: string): void {
    if (hoverNode === this.focus.hoverNode && hoverEdge === this.focus.hoverEdge) return;
    this.focus = { ...this.focus, hoverNode, hoverEdge };
    this.canvas.classList.toggle('is-over', hoverNode !== '' || hoverEdge !== '');
    this.redraw();
  }

  private pointOf({ clientX, clientY }: MouseEvent): Point {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }
}
