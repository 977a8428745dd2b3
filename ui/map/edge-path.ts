import type { Rect } from '../layout/map-layout.ts';
import type { Point } from './camera.ts';

/** A cubic Bézier curve: start, two control points, end. */
export type Curve = readonly [Point, Point, Point, Point];

/** Ways out and in keep so far apart, so that the two edges of a pair that calls each other are two lines. */
const APART = 4;

/** The way of an edge between two cards: out at the side that faces the other, in at the side that faces back; a loop at the right for a card and itself. */
export function edgeCurve(from: Rect, to: Rect): Curve {
  const apart = Math.min(APART, from.height / 5, to.height / 5);
  const [y1, y2] = [from.y + from.height / 2 - apart, to.y + to.height / 2 + apart];
  if (to.x >= from.x + from.width) return reach(from.x + from.width, y1, to.x, y2, 1, 1);
  if (from.x >= to.x + to.width) return reach(from.x, y1, to.x + to.width, y2, -1, -1);
  // One stands above the other, or it is one card: out and in at the right.
  const [x1, x2] = [from.x + from.width, to.x + to.width];
  const bulge = 26 + Math.min(60, Math.abs(y2 - y1) * 0.16);
  return [
    { x: x1, y: y1 },
    { x: x1 + bulge, y: y1 },
    { x: x2 + bulge, y: y2 },
    { x: x2, y: y2 },
  ];
}

function reach(x1: number, y1: number, x2: number, y2: number, out: number, into: number): Curve {
  const pull = Math.max(24, Math.abs(x2 - x1) * 0.45);
  return [
    { x: x1, y: y1 },
    { x: x1 + out * pull, y: y1 },
    { x: x2 - into * pull, y: y2 },
    { x: x2, y: y2 },
  ];
}

/** The point of a curve at `t`, 0 to 1. */
export function pointAt([a, b, c, d]: Curve, t: number): Point {
  const u = 1 - t;
  const mix = (p: number, q: number, r: number, s: number): number =>
    u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s;
  return { x: mix(a.x, b.x, c.x, d.x), y: mix(a.y, b.y, c.y, d.y) };
}

const STEPS = 16;

/** How far a point is from a curve, near enough for a pointer. */
export function distanceTo(curve: Curve, { x, y }: Point): number {
  let best = Number.POSITIVE_INFINITY;
  let last = curve[0];
  for (let i = 1; i <= STEPS; i++) {
    const next = pointAt(curve, i / STEPS);
    best = Math.min(best, segmentDistance(last, next, x, y));
    last = next;
  }
  return best;
}

function segmentDistance(a: Point, b: Point, x: number, y: number): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / length));
  return Math.hypot(x - a.x - t * dx, y - a.y - t * dy);
}
