import type { Rect } from '../layout/map-layout.ts';
import type { GraphMessage } from './graph.ts';
import { buildScene, type Scene } from './scene.ts';
import type { LayoutMessage } from './worker-messages.ts';

/** The scene as the worker has it, out of where it says that everything stands. Null while it has not placed all of the shape. */
export function placeScene(shape: NonNullable<GraphMessage['shape']>, message: LayoutMessage): Scene | null {
  const rects = new Map<string, Rect>(message.rects);
  if (!shape.nodes.every(({ id }) => rects.has(id))) return null;
  return buildScene(shape, { card: (id) => rects.get(id), list: () => [...message.islands] });
}
