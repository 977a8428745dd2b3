import { shortRate } from '../store/format.ts';
import { pointAt } from './edge-path.ts';
import type { Palette } from './palette.ts';
import type { DrawnEdge } from './scene.ts';

/** What everything is drawn with. */
export interface Style {
  readonly context: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly scale: number;
}

const UNLIT = 0.1;

/** Width grows with the logarithm of the rate: a hundredfold rate is three times as wide. */
function widthOf(rate: number): number {
  return 1.1 + 1.1 * Math.log10(1 + rate * 4);
}

/** Forwarded traffic as a solid line; over it, what was dropped or would have been, in dashes or dots. */
export function drawEdge({ context, palette }: Style, drawn: DrawnEdge, isLit: boolean): void {
  const { rate, total, tone } = drawn;
  const isQuiet = rate.flows < 0.01;
  const alpha = isLit ? (isQuiet ? 0.4 : 0.85) : UNLIT;
  trace(context, drawn);
  if (total.forwarded + total.redirected > 0) {
    context.globalAlpha = tone === 'forwarded' ? alpha * 0.8 : alpha * 0.5;
    context.strokeStyle = palette.forwarded;
    context.lineWidth = widthOf(rate.flows - rate.dropped - rate.audited);
    context.stroke();
  }
  if (tone !== 'forwarded') strokeBad({ context, palette }, drawn, alpha);
  context.globalAlpha = 1;
  if (isLit) drawHead(context, palette[tone], alpha, drawn);
}

/** All edges between two islands as one line. */
export function drawBundle({ context, palette, scale }: Style, drawn: DrawnEdge): void {
  trace(context, drawn);
  context.globalAlpha = 0.35;
  context.strokeStyle = palette.forwarded;
  context.lineWidth = (widthOf(drawn.rate.flows) * 0.6) / scale;
  context.stroke();
  if (drawn.tone !== 'forwarded') strokeBad({ context, palette }, drawn, 0.9, 1 / scale);
  context.globalAlpha = 1;
}

function strokeBad(
  { context, palette }: Pick<Style, 'context' | 'palette'>,
  { tone, rate }: DrawnEdge,
  alpha: number,
  unit = 1,
): void {
  context.globalAlpha = alpha;
  context.strokeStyle = palette[tone];
  context.lineWidth = Math.max(1.5, widthOf(tone === 'audit' ? rate.audited : rate.dropped)) * unit;
  context.setLineDash(tone === 'dropped' ? [6 * unit, 4 * unit] : [1.5 * unit, 3.5 * unit]);
  context.stroke();
  context.setLineDash([]);
}

function trace(context: CanvasRenderingContext2D, { curve: [a, b, c, d] }: DrawnEdge): void {
  context.beginPath();
  context.moveTo(a.x, a.y);
  context.bezierCurveTo(b.x, b.y, c.x, c.y, d.x, d.y);
}

/** An arrow's head at the server. */
function drawHead(
  context: CanvasRenderingContext2D,
  colour: string,
  alpha: number,
  { curve }: DrawnEdge,
): void {
  const [, , control, tip] = curve;
  const direction = control.x <= tip.x ? 1 : -1;
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(tip.x, tip.y);
  context.lineTo(tip.x - 6 * direction, tip.y - 3.5);
  context.lineTo(tip.x - 6 * direction, tip.y + 3.5);
  context.fill();
  context.globalAlpha = 1;
}

/** A label in the middle of the edge that is looked at: verdict, rate and ports. */
export function drawEdgeLabel({ context, palette, scale }: Style, drawn: DrawnEdge): void {
  const { edge, tone, rate } = drawn;
  const ports = [...(edge?.ports.values() ?? [])].filter(({ port }) => port !== '').map(({ port }) => port);
  const shown = [...new Set(ports)].slice(0, 3).map((port) => `:${port}`);
  const bad =
    tone === 'dropped'
      ? `✕ ${shortRate(rate.dropped)} `
      : tone === 'audit'
        ? `◐ ${shortRate(rate.audited)} `
        : '';
  const text = `${bad}${bad === '' ? `→ ${shortRate(rate.flows)} ` : ''}${shown.join(' ')}`.trim();
  const { x, y } = pointAt(drawn.curve, 0.5);
  const unit = 1 / Math.max(scale, 0.8);
  context.font = `600 ${11 * unit}px Inter Variable, sans-serif`;
  const width = context.measureText(text).width + 18 * unit;
  const height = 21 * unit;
  context.fillStyle = palette.island;
  context.strokeStyle = palette[tone];
  context.lineWidth = 1.4 * unit;
  context.beginPath();
  context.roundRect(x - width / 2, y - height / 2, width, height, height / 2);
  context.fill();
  context.stroke();
  context.fillStyle = tone === 'forwarded' ? palette.text : palette[tone];
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x, y + 0.5 * unit);
  context.textAlign = 'left';
}
