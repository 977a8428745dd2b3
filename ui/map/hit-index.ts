import Flatbush from 'flatbush';
import type { Point } from './camera.ts';
import { distanceTo } from './edge-path.ts';
import type { DrawnEdge, DrawnNode, Scene } from './scene.ts';

/** What is where on the map, for a pointer. */
export class HitIndex {
  private readonly nodes: DrawnNode[];
  private readonly nodeIndex: Flatbush | null;
  private readonly edgeIndex: Flatbush | null;
  private readonly bundleIndex: Flatbush | null;
  private readonly scene: Scene;

  constructor(scene: Scene) {
    this.scene = scene;
    this.nodes = [...scene.nodes.values()];
    this.nodeIndex = indexOf(
      this.nodes.map(({ rect: { x, y, width, height } }) => [x, y, x + width, y + height]),
    );
    this.edgeIndex = indexOf(scene.edges.map(boxOf));
    this.bundleIndex = indexOf(scene.bundles.map(boxOf));
  }

  nodeAt({ x, y }: Point): DrawnNode | null {
    const [found] = this.nodeIndex?.search(x, y, x, y) ?? [];
    return found === undefined ? null : this.nodes[found];
  }

  /** The nearest edge within `reach`. */
  edgeAt(at: Point, reach: number): DrawnEdge | null {
    return nearest(this.edgeIndex, this.scene.edges, at, reach);
  }

  bundleAt(at: Point, reach: number): DrawnEdge | null {
    return nearest(this.bundleIndex, this.scene.bundles, at, reach);
  }

  islandAt({ x, y }: Point): string | null {
    const found = this.scene.islands.find(
      ({ rect }) => x >= rect.x && x <= rect.x + rect.width && y >= rect.y && y <= rect.y + rect.height,
    );
    return found?.island.id ?? null;
  }
}

type Box = readonly [number, number, number, number];

function indexOf(boxes: readonly Box[]): Flatbush | null {
  if (boxes.length === 0) return null;
  const index = new Flatbush(boxes.length);
  for (const box of boxes) index.add(...box);
  index.finish();
  return index;
}

function boxOf({ curve }: DrawnEdge): Box {
  const xs = curve.map(({ x }) => x);
  const ys = curve.map(({ y }) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function nearest(
  index: Flatbush | null,
  edges: readonly DrawnEdge[],
  { x, y }: Point,
  reach: number,
): DrawnEdge | null {
  let best = reach;
  let found: DrawnEdge | null = null;
  for (const i of index?.search(x - reach, y - reach, x + reach, y + reach) ?? []) {
    const distance = distanceTo(edges[i].curve, { x, y });
    if (distance < best) [best, found] = [distance, edges[i]];
  }
  return found;
}
