import type { LaidIsland, Rect, SavedIsland } from '../layout/map-layout.ts';
import type { Camera } from './camera.ts';
import type { MapLook } from './draw-map.ts';
import type { GraphMessage } from './graph.ts';

/** What the page tells the worker that draws the map. */
export type ToMapWorker =
  | { readonly kind: 'canvas'; readonly canvas: OffscreenCanvas }
  | { readonly kind: 'graph'; readonly graph: GraphMessage }
  /** Where things stood before; sent before the first graph of another layout. */
  | { readonly kind: 'places'; readonly layoutKey: string; readonly islands: readonly SavedIsland[] }
  | { readonly kind: 'camera'; readonly camera: Camera }
  | { readonly kind: 'look'; readonly look: MapLook };

/** Where everything stands; sent when that has changed. */
export interface LayoutMessage {
  readonly kind: 'layout';
  readonly layoutKey: string;
  readonly islands: readonly LaidIsland[];
  /** Of each node, by its id. */
  readonly rects: readonly (readonly [string, Rect])[];
  readonly bounds: Rect;
  /** All of it, as it can be restored; null while nothing has moved or come. */
  readonly places: readonly SavedIsland[] | null;
}

/** What the worker tells the page. */
export type FromMapWorker =
  | LayoutMessage
  /** A frame is on the screen; with the time that drawing took. */
  | { readonly kind: 'frame'; readonly drawMs: number };
