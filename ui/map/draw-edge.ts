import { shortCount, shortRate } from '../store/format.ts';
import type { Counts } from '../model/service-map.ts';
import { pointAt } from './edge-path.ts';
import { type Tone, toneGlyph } from './graph.ts';
import type { Palette } from './palette.ts';
import type { DrawnEdge } from './scene.ts';

/** Either kind of canvas: the map's in its worker, or the one above it. */
export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** What everything is drawn with. */
export interface Style {
  readonly context: Context;
  readonly palette: Palette;
  readonly scale: number;
  /** 0 to 1: how much is left of the strength of edges that need no attention, where there are many. */
  readonly calm?: number;
}

export const SANS = '"Inter Variable", sans-serif';
const DASHES: Readonly<Record<Tone, readonly number[]>> = {
  forwarded: [],
  redirected: [],
  audit: [1.5, 3.5],
  error: [],
  dropped: [6, 4],
};
const QUIET_PER_SECOND = 0.02;

/** Lines and signs grow with the map up to its true size, and no more. */
const unitOf = (scale: number): number => 1 / Math.max(1, scale);

/** Width grows with the logarithm of the rate: a hundredfold rate is three times as wide. */
export function widthOf(rate: number): number {
  return 1.1 + 1.1 * Math.log10(1 + rate * 4);
}

const badRate = ({ dropped, errors, audited }: Counts, tone: Tone): number =>
  tone === 'dropped' ? dropped : tone === 'error' ? errors : audited;

const isBad = (tone: Tone): boolean => tone === 'dropped' || tone === 'error' || tone === 'audit';

/** Forwarded traffic as a solid line; over it, what was dropped or would have been, in dashes or dots. */
export function drawEdge(
  { context, palette, scale, calm = 1 }: Style,
  drawn: DrawnEdge,
  alpha: number,
): void {
  const { rate, total, tone } = drawn;
  const good = total.forwarded + total.redirected;
  const unit = unitOf(scale);
  const strength = (rate.flows < QUIET_PER_SECOND ? 0.45 : 0.8) * Number(palette['edge-strength']);
  trace(context, drawn);
  if (good > 0) {
    context.globalAlpha = Math.min(1, alpha * strength * calm * (isBad(tone) ? 0.55 : 1));
    context.strokeStyle = tone === 'redirected' ? palette.redirected : palette.forwarded;
    // Wider than the dashes above it, so that both are seen.
    const least = isBad(tone) ? widthOf(badRate(rate, tone)) + 2 : 0;
    context.lineWidth = Math.max(least, widthOf(rate.forwarded + rate.redirected)) * unit;
    context.stroke();
  }
  if (isBad(tone)) strokeBad({ context, palette, scale }, drawn, Math.min(1, alpha * 0.95), unit);
  if (scale > 0.5)
    drawHead({ context, palette, scale }, drawn, Math.min(1, alpha * strength * (isBad(tone) ? 1 : calm)));
  context.globalAlpha = 1;
}

/** All edges between two islands as one. */
export function drawBundle(
  { context, palette, scale, calm = 1 }: Style,
  drawn: DrawnEdge,
  alpha: number,
): void {
  trace(context, drawn);
  if (drawn.total.forwarded + drawn.total.redirected > 0) {
    context.globalAlpha = Math.min(1, 0.42 * alpha * calm);
    context.strokeStyle = palette.forwarded;
    context.lineWidth = (widthOf(drawn.rate.forwarded) * 0.9) / scale;
    context.stroke();
  }
  if (isBad(drawn.tone)) strokeBad({ context, palette, scale }, drawn, Math.min(1, 0.9 * alpha), 1 / scale);
  context.globalAlpha = 1;
}

function strokeBad(
  { context, palette }: Style,
  { tone, rate }: DrawnEdge,
  alpha: number,
  unit: number,
): void {
  context.globalAlpha = alpha;
  context.strokeStyle = palette[tone];
  context.lineWidth = Math.max(1.5, widthOf(badRate(rate, tone))) * unit;
  context.setLineDash(DASHES[tone].map((length) => length * unit));
  context.stroke();
  if (tone === 'error') {
    // A double line.
    context.strokeStyle = palette.ground;
    context.lineWidth = context.lineWidth * 0.4;
    context.stroke();
  }
  context.setLineDash([]);
}

export function trace(context: Context, { curve: [a, b, c, d] }: Pick<DrawnEdge, 'curve'>): void {
  context.beginPath();
  context.moveTo(a.x, a.y);
  context.bezierCurveTo(b.x, b.y, c.x, c.y, d.x, d.y);
}

/** An arrow's head at the server. */
function drawHead({ context, palette, scale }: Style, { curve, tone }: DrawnEdge, alpha: number): void {
  const [, , control, tip] = curve;
  const length = 6 * unitOf(scale) * (control.x <= tip.x ? 1 : -1);
  const half = 3.5 * unitOf(scale);
  context.globalAlpha = alpha;
  context.fillStyle = palette[tone];
  context.beginPath();
  context.moveTo(tip.x, tip.y);
  context.lineTo(tip.x - length, tip.y - half);
  context.lineTo(tip.x - length, tip.y + half);
  context.fill();
}

/** The sign of a bad edge at its middle: colour is never alone. */
export function drawMark({ context, palette, scale }: Style, drawn: DrawnEdge, alpha: number): void {
  const { tone } = drawn;
  if (!isBad(tone)) return;
  const { x, y } = pointAt(drawn.curve, 0.5);
  const unit = 1 / Math.max(scale, 0.2);
  const size = 6.5 * unit;
  context.globalAlpha = alpha;
  context.beginPath();
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.fillStyle = palette.island;
  context.fill();
  context.strokeStyle = palette[tone];
  context.lineWidth = 1.2 * unit;
  context.stroke();
  drawGlyph(context, tone, palette[tone], { x, y, size: size * 0.42 });
  context.globalAlpha = 1;
}

/** The sign of a bad tone, as strokes: sharp at any scale, and the same with any font. */
export function drawGlyph(
  context: Context,
  tone: Tone,
  colour: string,
  { x, y, size }: { readonly x: number; readonly y: number; readonly size: number },
): void {
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = size * 0.5;
  context.lineCap = 'round';
  context.beginPath();
  if (tone === 'dropped') {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
    context.stroke();
  } else if (tone === 'audit') {
    context.arc(x, y, size * 1.1, 0, 2 * Math.PI);
    context.lineWidth = size * 0.35;
    context.stroke();
    context.beginPath();
    context.arc(x, y, size * 1.1, Math.PI / 2, -Math.PI / 2);
    context.fill();
  } else {
    context.moveTo(x, y - size * 1.2);
    context.lineTo(x, y + size * 0.2);
    context.moveTo(x, y + size * 1.1);
    context.lineTo(x, y + size * 1.15);
    context.stroke();
  }
  context.lineCap = 'butt';
}

/** Ports along the edge, with a rim of the ground's colour so that lines behind do not strike them out. */
export function drawPorts(
  { context, palette, scale }: Style,
  { curve, ports }: DrawnEdge,
  alpha: number,
): void {
  if (ports === '') return;
  const { x, y } = pointAt(curve, 0.32);
  context.globalAlpha = alpha;
  context.font = `500 ${10.5 / scale}px ${SANS}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.lineWidth = 3.5 / scale;
  context.lineJoin = 'round';
  context.strokeStyle = palette.ground;
  context.strokeText(ports, x, y);
  context.fillStyle = palette.muted;
  context.fillText(ports, x, y);
  context.textAlign = 'left';
  context.globalAlpha = 1;
}

/** What an edge does, in few words: `✕ 2.9k/s :8443`; counts where it does nothing now. */
export function edgeLabel({
  rate,
  total,
  tone,
  ports,
}: Omit<DrawnEdge, 'curve' | 'id' | 'fromId' | 'toId'>): string {
  const now = isBad(tone) ? badRate(rate, tone) : rate.flows;
  const all = isBad(tone) ? badRate(total, tone) : total.flows;
  const amount = now >= QUIET_PER_SECOND ? shortRate(now) : `${shortCount(all)} flows`;
  return `${toneGlyph[tone]} ${amount} ${ports}`.trim();
}

/** A label in the middle of an edge that is looked at. */
export function drawEdgeLabel(
  { context, palette, scale }: Style,
  drawn: DrawnEdge,
  at = 0.5,
  isSmall = false,
): void {
  const { tone } = drawn;
  const text = edgeLabel(drawn).slice(2);
  const { x, y } = pointAt(drawn.curve, at);
  const unit = 1 / Math.max(scale, 0.7);
  const size = (isSmall ? 10 : 11.5) * unit;
  context.font = `600 ${size}px ${SANS}`;
  const glyph = isBad(tone) ? 14 * unit : 0;
  const width = context.measureText(text).width + (isSmall ? 14 : 20) * unit + glyph;
  const height = (isSmall ? 17 : 22) * unit;
  context.fillStyle = palette.island;
  context.strokeStyle = palette[tone];
  context.lineWidth = (isSmall ? 1 : 1.4) * unit;
  context.beginPath();
  context.roundRect(x - width / 2, y - height / 2, width, height, height / 2);
  context.fill();
  context.stroke();
  const left = x - width / 2 + (isSmall ? 7 : 10) * unit;
  if (glyph > 0) drawGlyph(context, tone, palette[tone], { x: left + 4 * unit, y, size: 3.2 * unit });
  context.fillStyle = isBad(tone) ? palette[tone] : palette.text;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillText(text, left + glyph, y + 0.5 * unit);
}
