import { type Point, toMap } from './camera.ts';
import type { MapController } from './map-controller.ts';
import { toneWeight } from './graph.ts';

/** What a person does with the map. */
export interface PointerListener {
  /** `edge:…`, `node:…`, or empty for the ground. */
  readonly onSelect: (selection: string) => void;
  /** A double click: filter to it. */
  readonly onFilter: (selection: string) => void;
  /** A click with Alt: hide it. */
  readonly onExclude: (selection: string) => void;
}

const NEAR_PX = 7;
const DRAG_PX = 4;

/** Lets a pointer pan, zoom, point and click. Returns what takes all of it away again. */
export function listenToPointer(
  host: HTMLElement,
  controller: MapController,
  listener: PointerListener,
): () => void {
  let drag: { last: Point; readonly start: Point; isMoving: boolean } | null = null;
  const pointOf = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top } = host.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    controller.zoom(Math.exp(-event.deltaY * 0.0015), pointOf(event));
  };
  const onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    host.setPointerCapture(event.pointerId);
    const at = pointOf(event);
    drag = { last: at, start: at, isMoving: false };
  };
  const onMove = (event: PointerEvent): void => {
    const at = pointOf(event);
    if (drag === null) {
      controller.setFocus({ hover: whatIsAt(controller, at) });
      return;
    }
    drag.isMoving ||= Math.hypot(at.x - drag.start.x, at.y - drag.start.y) > DRAG_PX;
    if (drag.isMoving) controller.pan(at.x - drag.last.x, at.y - drag.last.y);
    drag.last = at;
  };
  const onUp = (event: PointerEvent): void => {
    const wasMoving = drag?.isMoving === true;
    const wasDown = drag !== null;
    drag = null;
    if (wasMoving || !wasDown) return;
    const what = whatIsAt(controller, pointOf(event));
    controller.setFocus({ hover: what });
    if (what.startsWith('island:')) {
      controller.find(what);
      return;
    }
    const selection = what.startsWith('bundle:') ? worstOf(controller, what.slice(7)) : what;
    if (event.altKey && selection !== '') listener.onExclude(selection);
    else listener.onSelect(selection);
  };
  const onDouble = (event: MouseEvent): void => {
    const what = whatIsAt(controller, pointOf(event));
    if (what.startsWith('node:') || what.startsWith('edge:')) listener.onFilter(what);
  };
  const onLeave = (): void => {
    if (drag === null) controller.setFocus({ hover: '' });
  };
  host.addEventListener('wheel', onWheel, { passive: false });
  host.addEventListener('pointerdown', onDown);
  host.addEventListener('pointermove', onMove);
  host.addEventListener('pointerup', onUp);
  host.addEventListener('pointerleave', onLeave);
  host.addEventListener('dblclick', onDouble);
  return () => {
    host.removeEventListener('wheel', onWheel);
    host.removeEventListener('pointerdown', onDown);
    host.removeEventListener('pointermove', onMove);
    host.removeEventListener('pointerup', onUp);
    host.removeEventListener('pointerleave', onLeave);
    host.removeEventListener('dblclick', onDouble);
  };
}

function whatIsAt({ hits, camera, isFar }: MapController, at: Point): string {
  if (hits === null) return '';
  const point = toMap(camera, at);
  const reach = NEAR_PX / camera.scale;
  if (isFar) {
    const island = hits.islandAt(point);
    if (island !== null) return `island:${island}`;
    const bundle = hits.bundleAt(point, reach);
    return bundle === null ? '' : `bundle:${bundle.id}`;
  }
  const node = hits.nodeAt(point);
  if (node !== null) return `node:${node.node.id}`;
  const edge = hits.edgeAt(point, reach);
  return edge === null ? '' : `edge:${edge.id}`;
}

/** The edge of a bundle that needs looking at most. */
function worstOf({ scene }: MapController, bundleId: string): string {
  const edges = (scene?.edges ?? []).filter(({ fromId, toId }) => {
    const [from, to] = [scene!.nodes.get(fromId)!, scene!.nodes.get(toId)!];
    return `${from.node.island.id}>${to.node.island.id}` === bundleId;
  });
  const [worst] = edges.sort(
    (a, b) => toneWeight[b.tone] - toneWeight[a.tone] || b.rate.flows - a.rate.flows,
  );
  return worst === undefined ? '' : `edge:${worst.id}`;
}
