import { type ReactElement, type PointerEvent as ReactPointerEvent, useRef } from 'react';
import { useChanges } from '../app/stores.ts';
import type { MapController } from './map-controller.ts';

const SIZE = { width: 176, height: 106 } as const;
const MARGIN = 10;

/** The whole map in a corner, with a frame around what is seen; only while something is out of sight. Press on it to go there. */
export function Minimap({ controller }: { readonly controller: MapController }): ReactElement | null {
  const { layout, scene, camera, size } = useChanges(controller);
  const isHeld = useRef(false);
  if (layout === null || scene === null) return null;
  const { bounds } = layout;
  const isWhole =
    bounds.x * camera.scale + camera.x >= -1 &&
    bounds.y * camera.scale + camera.y >= -1 &&
    (bounds.x + bounds.width) * camera.scale + camera.x <= size.width + 1 &&
    (bounds.y + bounds.height) * camera.scale + camera.y <= size.height + 1;
  if (isWhole) return null;
  const scale = Math.min(
    (SIZE.width - 2 * MARGIN) / bounds.width,
    (SIZE.height - 2 * MARGIN) / bounds.height,
  );
  const left = (SIZE.width - bounds.width * scale) / 2 - bounds.x * scale;
  const top = (SIZE.height - bounds.height * scale) / 2 - bounds.y * scale;
  const go = (event: ReactPointerEvent<SVGSVGElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    controller.centre({
      x: (event.clientX - box.left - left) / scale,
      y: (event.clientY - box.top - top) / scale,
    });
  };
  return (
    <svg
      className="minimap panel"
      width={SIZE.width}
      height={SIZE.height}
      aria-hidden="true"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        isHeld.current = true;
        go(event);
      }}
      onPointerMove={(event) => {
        if (isHeld.current) go(event);
      }}
      onPointerUp={() => (isHeld.current = false)}
    >
      {scene.islands.map(({ island, rect, tone }) => (
        <rect
          key={island.id}
          className={tone === 'dropped' ? 'minimap-island is-bad' : 'minimap-island'}
          x={left + rect.x * scale}
          y={top + rect.y * scale}
          width={rect.width * scale}
          height={rect.height * scale}
          rx={1.5}
        />
      ))}
      <rect
        className="minimap-view"
        x={left + (-camera.x / camera.scale) * scale}
        y={top + (-camera.y / camera.scale) * scale}
        width={(size.width / camera.scale) * scale}
        height={(size.height / camera.scale) * scale}
        rx={2}
      />
    </svg>
  );
}
