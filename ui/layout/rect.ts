/** A rectangle in units of the map, which are pixels at scale 1. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
