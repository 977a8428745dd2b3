import { shortCount, shortRate } from '../store/format.ts';
import { drawGlyph, SANS, type Style } from './draw-edge.ts';
import { fitText } from './fit-text.ts';
import { type Tone, toneWeight } from './graph.ts';
import type { DrawnCluster, DrawnFrame, DrawnIsland, DrawnNode } from './scene.ts';

const isBad = (tone: Tone): boolean => toneWeight[tone] >= toneWeight.audit;

/** The frame around the islands of a cluster, with its name. */
export function drawCluster({ context, palette, scale }: Style, { name, rect }: DrawnCluster): void {
  const unit = 1 / Math.min(1, scale);
  context.beginPath();
  context.roundRect(rect.x, rect.y, rect.width, rect.height, 14);
  context.strokeStyle = palette.line;
  context.lineWidth = unit;
  context.setLineDash([2 * unit, 5 * unit]);
  context.stroke();
  context.setLineDash([]);
  const size = Math.min(11 * unit, 26);
  context.font = `600 ${size}px ${SANS}`;
  context.textBaseline = 'alphabetic';
  context.textAlign = 'left';
  const text = name.toUpperCase();
  const width = context.measureText(text).width;
  context.fillStyle = palette.ground;
  context.fillRect(rect.x + 16, rect.y - size, width + 14 * unit, size * 2);
  context.fillStyle = palette.faint;
  context.fillText(text, rect.x + 16 + 7 * unit, rect.y + size * 0.36);
}

/** An island close by: a frame with its name, on which cards stand. */
export function drawIsland(
  { context, palette, scale }: Style,
  { island, rect, rate, total, tone }: DrawnIsland,
  alpha: number,
): void {
  const { x, y, width, height } = rect;
  context.globalAlpha = alpha;
  context.beginPath();
  context.roundRect(x, y, width, height, 10);
  context.fillStyle = palette.island;
  context.fill();
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.stroke();
  if (scale * 12.5 < 5) return;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  context.font = `500 10.5px ${SANS}`;
  let right = x + width - 12;
  const middle = y + 18;
  if (isBad(tone) && width > 150) {
    const [now, all] = tone === 'audit' ? [rate.audited, total.audited] : [rate.dropped, total.dropped];
    const mark = now >= 0.05 ? shortRate(now) : shortCount(all);
    context.fillStyle = palette[tone];
    context.fillText(mark, right, middle);
    right -= context.measureText(mark).width + 9;
    drawGlyph(context, tone, palette[tone], { x: right, y: middle, size: 3 });
    right -= 11;
  } else if (isBad(tone)) {
    drawGlyph(context, tone, palette[tone], { x: right - 3, y: middle, size: 3 });
    right -= 14;
  }
  context.font = `600 12px ${SANS}`;
  const titleWidth = Math.min(context.measureText(island.title).width, right - x - 12);
  context.font = `500 10.5px ${SANS}`;
  const rateText = shortRate(rate.flows);
  if (right - x - 12 - titleWidth > context.measureText(rateText).width + 14) {
    context.fillStyle = palette.faint;
    context.fillText(rateText, right, middle);
    right -= context.measureText(rateText).width + 8;
  }
  context.textAlign = 'left';
  context.font = `600 12px ${SANS}`;
  context.fillStyle = palette.text;
  context.fillText(fitText(context, island.title, right - x - 12), x + 12, middle);
  context.globalAlpha = 1;
}

/** An island from afar: its name, its rate, and a cell for each workload. */
export function drawIslandFar({ context, palette, scale }: Style, drawn: DrawnIsland, alpha: number): void {
  const { island, rect, nodes, tone, rate } = drawn;
  const unit = 1 / scale;
  const isAlarming = tone === 'dropped' || tone === 'error';
  context.globalAlpha = alpha;
  context.beginPath();
  context.roundRect(rect.x, rect.y, rect.width, rect.height, Math.min(7 * unit, 24));
  context.fillStyle = palette.island;
  context.fill();
  context.strokeStyle = isAlarming ? palette[tone] : palette.strong;
  context.lineWidth = (isAlarming ? 1.6 : 1) * unit;
  context.stroke();
  for (const { rect: card, rate: cellRate, tone: cell } of nodes) {
    const isLoud = isBad(cell);
    const strength = 0.22 + 0.2 * Math.log10(1 + cellRate.flows * 10);
    context.globalAlpha = alpha * (isLoud ? 1 : Math.min(0.85, strength));
    context.fillStyle = palette[cell];
    context.beginPath();
    context.roundRect(card.x, card.y + 4, card.width, card.height - 8, 5);
    context.fill();
  }
  context.globalAlpha = alpha;
  const size = Math.min(12 * unit, 24);
  const middle = rect.y + 18;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  context.font = `500 ${size * 0.84}px ${SANS}`;
  let right = rect.x + rect.width - 12;
  if (isBad(tone)) {
    drawGlyph(context, tone, palette[tone], { x: right - size * 0.3, y: middle, size: size * 0.28 });
    right -= size;
  }
  const rateText = shortRate(rate.flows);
  const used = context.measureText(rateText).width;
  context.font = `600 ${size}px ${SANS}`;
  if (context.measureText(island.title).width + used + 34 < right - rect.x) {
    context.font = `500 ${size * 0.84}px ${SANS}`;
    context.fillStyle = palette.faint;
    context.fillText(rateText, right, middle);
    right -= used + 8;
  }
  context.textAlign = 'left';
  context.font = `600 ${size}px ${SANS}`;
  context.fillStyle = palette.text;
  context.fillText(fitText(context, island.title, right - rect.x - 12), rect.x + 12, middle);
  context.globalAlpha = 1;
}

/** How a card stands out, or does not. */
export interface CardLook {
  readonly isChosen: boolean;
  readonly alpha: number;
}

/** A workload, a name or a machine: its name, its rate, and a bar of what became of its flows. */
export function drawCard(style: Style, drawn: DrawnNode, { isChosen, alpha }: CardLook): void {
  const { context, palette, scale } = style;
  const { node, rect, rate } = drawn;
  const { x, y, width, height } = rect;
  const isPod = node.group !== null;
  context.globalAlpha = alpha;
  context.beginPath();
  context.roundRect(x, y, width, height, isPod ? 4 : 6);
  context.fillStyle = palette.card;
  context.fill();
  context.strokeStyle = isChosen ? palette.accent : palette.strong;
  context.lineWidth = isChosen ? 2 : 1;
  context.stroke();
  if (scale * 11.5 > 5.5) {
    const middle = isPod ? y + height / 2 - 1 : y + 13;
    context.textBaseline = 'middle';
    context.font = `10px ${SANS}`;
    context.textAlign = 'right';
    context.fillStyle = palette.faint;
    const rateText = shortRate(rate.flows);
    context.fillText(rateText, x + width - 8, middle);
    const used = context.measureText(rateText).width;
    context.textAlign = 'left';
    context.font = `500 ${isPod ? 10 : 11.5}px ${SANS}`;
    context.fillStyle = palette.text;
    const title = isPod ? podTitle(node.title, node.group.title) : node.title;
    context.fillText(fitText(context, title, width - 24 - used), x + 9, middle);
  }
  if (isPod) drawBar(style, drawn, { x: x + 2, y: y + height - 2.5, width: width - 4, height: 1.5 });
  else drawBar(style, drawn, { x: x + 9, y: y + 24, width: width - 18, height: 3.5 });
  context.globalAlpha = 1;
}

/** The frame around the pods of a workload, with its name. */
export function drawFrame(
  { context, palette }: Style,
  { rect, title, podIds }: DrawnFrame,
  alpha: number,
): void {
  context.globalAlpha = alpha;
  context.beginPath();
  context.roundRect(rect.x, rect.y, rect.width, rect.height, 6);
  context.fillStyle = palette.surface;
  context.fill();
  context.strokeStyle = palette.strong;
  context.lineWidth = 1;
  context.stroke();
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  context.font = `10px ${SANS}`;
  context.fillStyle = palette.faint;
  const count = `${podIds.length}p`;
  context.fillText(count, rect.x + rect.width - 8, rect.y + 14);
  context.textAlign = 'left';
  context.font = `600 11.5px ${SANS}`;
  context.fillStyle = palette.text;
  context.fillText(fitText(context, title, rect.width - 40), rect.x + 9, rect.y + 14);
  context.globalAlpha = 1;
}

/** A pod's name without that of its workload, which stands above it. */
function podTitle(pod: string, workload: string): string {
  return pod.startsWith(`${workload}-`) ? `…${pod.slice(workload.length)}` : pod;
}

/** Length by the logarithm of the rate, parts by verdict. */
function drawBar(
  { context, palette }: Style,
  { rate, total }: DrawnNode,
  {
    x,
    y,
    width,
    height,
  }: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): void {
  const piece = (from: number, length: number, colour: string): void => {
    if (length <= 0) return;
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(from, y, length, height, height / 2);
    context.fill();
  };
  piece(x, width, palette.track);
  const length = width * Math.min(1, 0.06 + Math.log10(1 + rate.flows * 10) / 5);
  if (total.flows === 0) return;
  const share = (count: number): number =>
    count === 0 ? 0 : Math.min(length, Math.max(4, (length * count) / total.flows));
  const dropped = share(total.dropped + total.errors);
  const audited = Math.min(length - dropped, share(total.audited));
  piece(x, length, palette.forwarded);
  piece(x + length - dropped - audited, audited, palette.audit);
  piece(x + length - dropped, dropped, palette.dropped);
}
