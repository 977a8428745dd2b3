import type { Context } from './draw-edge.ts';

const cuts = new Map<string, string>();
const MAX_CUTS = 8000;

/** The text as far as there is room for it, in the font in force. */
export function fitText(context: Context, text: string, room: number): string {
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
