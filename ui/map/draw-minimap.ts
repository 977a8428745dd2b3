import type { Camera, Size } from './camera.ts';
import type { Palette } from './palette.ts';
import type { Scene } from './scene.ts';

const BOX: Size = { width: 168, height: 104 };
const MARGIN = 14;

/** The whole map in a corner, with a frame around what is seen; only while something is out of sight. */
export function drawMinimap(
  context: CanvasRenderingContext2D,
  { islands, bounds }: Scene,
  camera: Camera,
  { size, ratio, palette }: { readonly size: Size; readonly ratio: number; readonly palette: Palette },
): void {
  const isWhole =
    bounds.x * camera.scale + camera.x >= 0 &&
    bounds.y * camera.scale + camera.y >= 0 &&
    (bounds.x + bounds.width) * camera.scale + camera.x <= size.width &&
    (bounds.y + bounds.height) * camera.scale + camera.y <= size.height;
  if (isWhole) return;
  const [left, top] = [size.width - BOX.width - MARGIN, size.height - BOX.height - MARGIN];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.beginPath();
  context.roundRect(left, top, BOX.width, BOX.height, 8);
  context.fillStyle = palette.island;
  context.globalAlpha = 0.95;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = palette.strong;
  context.lineWidth = 1;
  context.stroke();
  context.save();
  context.clip();
  const scale = Math.min((BOX.width - 20) / bounds.width, (BOX.height - 20) / bounds.height);
  const x = left + (BOX.width - bounds.width * scale) / 2 - bounds.x * scale;
  const y = top + (BOX.height - bounds.height * scale) / 2 - bounds.y * scale;
  for (const { rect, tone } of islands) {
    context.fillStyle = tone === 'dropped' ? palette.dropped : palette.faint;
    context.globalAlpha = 0.6;
    context.fillRect(x + rect.x * scale, y + rect.y * scale, rect.width * scale, rect.height * scale);
  }
  context.globalAlpha = 1;
  context.strokeStyle = palette.accent;
  context.strokeRect(
    x + (-camera.x / camera.scale) * scale,
    y + (-camera.y / camera.scale) * scale,
    (size.width / camera.scale) * scale,
    (size.height / camera.scale) * scale,
  );
  context.restore();
}
