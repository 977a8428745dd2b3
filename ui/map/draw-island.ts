import { shortRate } from '../store/format.ts';
import type { Style } from './draw-edge.ts';
import type { DrawnIsland, DrawnNode } from './scene.ts';

const SANS = 'Inter Variable, sans-serif';

/** An island close by: a frame with its name, on which cards stand. */
export function drawIsland({ context, palette }: Style, { island, rect, rate, tone }: DrawnIsland): void {
  const { x, y, width, height } = rect;
  context.beginPath();
  context.roundRect(x, y, width, height, 10);
  context.fillStyle = palette.island;
  context.fill();
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.stroke();
  context.textBaseline = 'middle';
  context.font = `600 11px ${SANS}`;
  const rateText = shortRate(rate.flows);
  context.textAlign = 'right';
  context.fillStyle = palette.faint;
  context.font = `11px ${SANS}`;
  let right = x + width - 14;
  if (tone !== 'forwarded') {
    const mark = tone === 'dropped' ? `✕ ${shortRate(rate.dropped)}` : `◐ ${shortRate(rate.audited)}`;
    context.fillStyle = palette[tone];
    context.fillText(mark, right, y + 19);
    right -= context.measureText(mark).width + 8;
    context.fillStyle = palette.faint;
  }
  // A narrow island has room for its name only.
  if (width > 220) {
    context.fillText(rateText, right, y + 19);
    right -= context.measureText(rateText).width + 8;
  }
  context.textAlign = 'left';
  context.font = `600 12.5px ${SANS}`;
  context.fillStyle = palette.text;
  const title = cut(context, island.title, right - x - 14);
  context.fillText(title, x + 14, y + 19);
  const used = context.measureText(title).width;
  context.font = `11px ${SANS}`;
  context.fillStyle = palette.faint;
  const room = right - x - 14 - used - 8;
  if (island.cluster !== '' && room > 20) {
    context.fillText(cut(context, island.cluster, room), x + 14 + used + 8, y + 19);
  }
}

/** An island from afar: its name and a cell for each workload. */
export function drawIslandFar({ context, palette, scale }: Style, drawn: DrawnIsland): void {
  const { island, rect, nodes, tone } = drawn;
  const unit = 1 / scale;
  context.beginPath();
  context.roundRect(rect.x, rect.y, rect.width, rect.height, 8 * unit);
  context.fillStyle = palette.island;
  context.fill();
  context.strokeStyle = tone === 'dropped' ? palette.dropped : palette.strong;
  context.lineWidth = (tone === 'dropped' ? 1.6 : 1) * unit;
  context.stroke();
  for (const { rect: card, rate, tone: cell } of nodes) {
    context.globalAlpha =
      cell === 'forwarded' ? Math.min(0.9, 0.25 + 0.22 * Math.log10(1 + rate.flows * 10)) : 1;
    context.fillStyle = palette[cell];
    context.beginPath();
    context.roundRect(card.x, card.y, card.width, card.height, 5);
    context.fill();
  }
  context.globalAlpha = 1;
  const size = Math.min(12 * unit, 32);
  context.font = `600 ${size}px ${SANS}`;
  context.textBaseline = 'middle';
  context.fillStyle = palette.text;
  context.fillText(cut(context, island.title, rect.width - 20), rect.x + 12, rect.y + 19);
}

/** A workload: its name, its rate, and a bar of what became of its flows. */
export function drawCard(
  { context, palette, scale }: Style,
  { node, rect, rate, total, tone }: DrawnNode,
  { isChosen, isDim }: { readonly isChosen: boolean; readonly isDim: boolean },
): void {
  const { x, y, width, height } = rect;
  context.globalAlpha = isDim ? 0.3 : 1;
  context.beginPath();
  context.roundRect(x, y, width, height, 6);
  context.fillStyle = palette.card;
  context.fill();
  context.strokeStyle = isChosen ? palette.accent : palette.strong;
  context.lineWidth = isChosen ? 2 : 1;
  context.stroke();
  if (scale * 11.5 > 6) {
    context.textBaseline = 'middle';
    context.font = `10.5px ${SANS}`;
    context.textAlign = 'right';
    context.fillStyle = palette.faint;
    const rateText = shortRate(rate.flows);
    context.fillText(rateText, x + width - 9, y + 13);
    const used = context.measureText(rateText).width;
    context.textAlign = 'left';
    context.font = `500 11.5px ${SANS}`;
    context.fillStyle = palette.text;
    context.fillText(cut(context, node.title, width - 26 - used), x + 9, y + 13);
  }
  drawBar({ context, palette, scale }, { node, rect, rate, total, tone });
  context.globalAlpha = 1;
}

/** Length by the logarithm of the rate, parts by verdict. */
function drawBar({ context, palette }: Style, { rect, rate, total }: DrawnNode): void {
  const [x, y, width] = [rect.x + 9, rect.y + 24, rect.width - 18];
  context.fillStyle = palette.track;
  context.fillRect(x, y, width, 3.5);
  const length = width * Math.min(1, Math.log10(1 + rate.flows * 10) / 5);
  const sum = Math.max(1, total.flows);
  const bad = total.dropped + total.errors;
  const share = (count: number): number => (count === 0 ? 0 : Math.max(3, (length * count) / sum));
  const [dropped, audited] = [share(bad), share(total.audited)];
  context.fillStyle = palette.forwarded;
  context.fillRect(x, y, Math.max(0, length - dropped - audited), 3.5);
  context.fillStyle = palette.dropped;
  context.fillRect(x + Math.max(0, length - dropped - audited), y, dropped, 3.5);
  context.fillStyle = palette.audit;
  context.fillRect(x + Math.max(0, length - audited), y, audited, 3.5);
}

const cuts = new Map<string, string>();
const MAX_CUTS = 5000;

/** The text as far as there is room for it. */
function cut(context: CanvasRenderingContext2D, text: string, room: number): string {
  const key = `${context.font} ${Math.round(room)} ${text}`;
  const known = cuts.get(key);
  if (known !== undefined) return known;
  let shown = text;
  if (context.measureText(text).width > room) {
    let [low, high] = [0, text.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
      else high = middle - 1;
    }
    shown = `${text.slice(0, low)}…`;
  }
  if (cuts.size > MAX_CUTS) cuts.clear();
  cuts.set(key, shown);
  return shown;
}
