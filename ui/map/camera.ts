import type { Rect } from '../layout/map-layout.ts';

/** What of the map is on screen: screen = map * scale + offset. */
export interface Camera {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

const MIN_SCALE = 0.05;
const MAX_SCALE = 3;

/** Room at the edges of the screen; at the foot, where the legend is, there is more. */
const MARGIN = { side: 30, top: 26, foot: 62 } as const;

/** No larger than so, however few there are. */
const MAX_FIT_SCALE = 1.6;

/** Shows all of `bounds`, in the middle. */
export function fitCamera(bounds: Rect, screen: Size, more = 0): Camera {
  const width = screen.width - 2 * (MARGIN.side + more);
  const height = screen.height - MARGIN.top - MARGIN.foot - 2 * more;
  const scale = clampScale(Math.min(width / bounds.width, height / bounds.height, MAX_FIT_SCALE));
  return {
    scale,
    x: (screen.width - bounds.width * scale) / 2 - bounds.x * scale,
    y: MARGIN.top + more + (height - bounds.height * scale) / 2 - bounds.y * scale,
  };
}

/** Zooms so that what is under `at` stays there. */
export function zoomAt(camera: Camera, at: Point, factor: number): Camera {
  const scale = clampScale(camera.scale * factor);
  const ratio = scale / camera.scale;
  return { scale, x: at.x - (at.x - camera.x) * ratio, y: at.y - (at.y - camera.y) * ratio };
}

/** Brings the middle of `rect` to the middle of the screen, at this scale or nearer. */
export function centreOn(camera: Camera, rect: Rect, screen: Size, minScale: number): Camera {
  const scale = Math.max(camera.scale, minScale);
  return {
    scale,
    x: screen.width / 2 - (rect.x + rect.width / 2) * scale,
    y: screen.height / 2 - (rect.y + rect.height / 2) * scale,
  };
}

/** Whether all of `rect` is on the screen. */
export function isWithin({ scale, x, y }: Camera, rect: Rect, screen: Size): boolean {
  return (
    rect.x * scale + x >= 0 &&
    rect.y * scale + y >= 0 &&
    (rect.x + rect.width) * scale + x <= screen.width &&
    (rect.y + rect.height) * scale + y <= screen.height
  );
}

/** The point of the map at a point of the screen. */
export function toMap({ scale, x, y }: Camera, at: Point): Point {
  return { x: (at.x - x) / scale, y: (at.y - y) / scale };
}

function clampScale(scale: number): number {
  return Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale));
}
