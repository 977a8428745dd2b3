import type { Island, ServiceNode } from '../model/service-node.ts';
import { arrangeBlocks, type Block } from './blocks.ts';
import { layOutIsland, type Link, maxRows, type Slot } from './inner-layout.ts';
import type { Rect } from './rect.ts';

export type { Rect } from './rect.ts';

export const CARD = { width: 134, height: 34 } as const;
/** A workload's card with its pods: its title, then a row for each. */
const PODS = { title: 26, row: 20, bottom: 6, side: 6 } as const;
const GAP = { x: 40, y: 10 } as const;
const PADDING = { x: 12, top: 34, bottom: 12 } as const;

/** A card on an island. */
interface Card {
  slot: Slot;
  readonly title: string;
  /** Pods, in the order in which they came; none on a card that stands for its workload alone. */
  readonly pods: string[];
}

/** An island and what is on it, as text can keep it. */
export interface SavedIsland {
  readonly island: Island;
  readonly column: number;
  readonly x: number;
  readonly y: number;
  readonly cards: readonly {
    readonly id: string;
    readonly slot: Slot;
    readonly title: string;
    readonly pods: readonly string[];
  }[];
}

/** An island where it stands. */
interface PlacedIsland extends Block {
  readonly island: Island;
  readonly cards: Map<string, Card>;
}

/** A card as it is drawn: of a node, or the frame around the pods of a workload. */
export interface LaidCard {
  readonly id: string;
  readonly title: string;
  readonly rect: Rect;
  readonly podIds: readonly string[];
}

/** An island as it is drawn. */
export interface LaidIsland {
  readonly island: Island;
  readonly rect: Rect;
  readonly cards: readonly LaidCard[];
}

/**
 * Where everything stands. What is there stays where it is when something comes: newcomers take free places in their island, new islands free places
 * below the others. Only what a grown island would cover makes way. Equal nodes and links that come at once get equal places, in whatever order.
 */
export class MapLayout {
  private readonly islands = new Map<string, PlacedIsland>();
  /** The island and the card of each node. */
  private readonly homes = new Map<string, { readonly placed: PlacedIsland; readonly cardId: string }>();

  /** All places, for `restore`. */
  save(): SavedIsland[] {
    return [...this.islands.values()].map(({ island, column, x, y, cards }) => ({
      island,
      column,
      x,
      y,
      cards: [...cards].map(([id, card]) => ({ id, ...card })),
    }));
  }

  /** Takes over the places of another layout; does nothing once it has some of its own. */
  restore(saved: readonly SavedIsland[]): void {
    if (this.islands.size > 0) return;
    for (const { island, column, x, y, cards } of saved) {
      const own = cards.map(({ id, slot, title, pods }): readonly [string, Card] => [
        id,
        { slot, title, pods: [...pods] },
      ]);
      const placed: PlacedIsland = {
        id: island.id,
        island,
        cards: new Map(own),
        column,
        x,
        y,
        width: 0,
        height: 0,
      };
      Object.assign(placed, sizeOf(placed));
      this.islands.set(island.id, placed);
      for (const [cardId, { pods }] of own) {
        for (const id of pods.length > 0 ? pods : [cardId]) this.homes.set(id, { placed, cardId });
      }
    }
  }

  /** Finds a place for those nodes that have none; whether there was one. */
  place(nodes: Iterable<ServiceNode>, links: readonly Link[]): boolean {
    const newcomers = [...nodes]
      .filter(({ id }) => !this.homes.has(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    if (newcomers.length === 0) return false;
    const isFirst = this.islands.size === 0;
    const fresh: PlacedIsland[] = [];
    for (const [id, members] of Map.groupBy(newcomers, ({ island }) => island.id)) {
      const placed = this.islands.get(id);
      if (placed !== undefined) for (const node of members) this.settle(placed, node);
      else fresh.push(this.found(members, links));
    }
    for (const placed of this.islands.values()) Object.assign(placed, sizeOf(placed));
    const between = links.flatMap(({ from, to }) => {
      const [a, b] = [this.homes.get(from)?.placed, this.homes.get(to)?.placed];
      return a === undefined || b === undefined || a === b ? [] : [{ from: a.id, to: b.id }];
    });
    arrangeBlocks([...this.islands.values()], isFirst ? [] : fresh, between, isFirst);
    return true;
  }

  /** Where a node's card, or its row on one, is; undefined before it has a place. */
  card(id: string): Rect | undefined {
    const home = this.homes.get(id);
    if (home === undefined) return undefined;
    const rect = cardRect(home.placed, home.cardId);
    if (home.cardId === id) return rect;
    const row = home.placed.cards.get(home.cardId)!.pods.indexOf(id);
    return {
      x: rect.x + PODS.side,
      y: rect.y + PODS.title + row * PODS.row,
      width: rect.width - 2 * PODS.side,
      height: PODS.row - 3,
    };
  }

  /** All islands, with the cards on them. */
  list(): LaidIsland[] {
    return [...this.islands.values()].map((placed) => ({
      island: placed.island,
      rect: { x: placed.x, y: placed.y, width: placed.width, height: placed.height },
      cards: [...placed.cards].map(([id, { title, pods }]) => ({
        id,
        title,
        rect: cardRect(placed, id),
        podIds: pods,
      })),
    }));
  }

  /** What encloses everything. */
  bounds(): Rect {
    return enclose([...this.islands.values()]);
  }

  private found(members: readonly ServiceNode[], links: readonly Link[]): PlacedIsland {
    const cardOf = new Map(members.map(({ id, group }) => [id, group?.id ?? id]));
    const inner = links.flatMap(({ from, to }) => {
      const [a, b] = [cardOf.get(from), cardOf.get(to)];
      return a === undefined || b === undefined ? [] : [{ from: a, to: b }];
    });
    const slots = layOutIsland([...new Set(cardOf.values())], inner);
    const [{ island }] = members;
    const cards = new Map<string, Card>();
    const placed: PlacedIsland = { id: island.id, island, cards, column: 0, x: 0, y: 0, width: 0, height: 0 };
    for (const node of members) this.join(placed, node, (cardId) => slots.get(cardId)!);
    Object.assign(placed, sizeOf(placed));
    this.islands.set(island.id, placed);
    return placed;
  }

  /** The first free slot, column by column; a new column when all are full. */
  private settle(placed: PlacedIsland, node: ServiceNode): void {
    this.join(placed, node, () => {
      const columns = columnLengths(placed.cards.values());
      const height = Math.max(maxRows(placed.cards.size + 1), ...columns);
      let column = columns.findIndex((length) => length < Math.max(...columns));
      if (column < 0) column = Math.max(...columns) < height ? 0 : columns.length;
      return { column, row: columns[column] ?? 0 };
    });
  }

  private join(
    placed: PlacedIsland,
    { id, title, group }: ServiceNode,
    slotOf: (cardId: string) => Slot,
  ): void {
    const cardId = group?.id ?? id;
    let card = placed.cards.get(cardId);
    if (card === undefined) {
      card = { slot: slotOf(cardId), title: group?.title ?? title, pods: [] };
      placed.cards.set(cardId, card);
    }
    if (group !== null) card.pods.push(id);
    this.homes.set(id, { placed, cardId });
  }
}

/** The smallest rectangle around all of them. */
export function enclose(rects: readonly Rect[]): Rect {
  if (rects.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  const x = Math.min(...rects.map((rect) => rect.x));
  const y = Math.min(...rects.map((rect) => rect.y));
  const right = Math.max(...rects.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...rects.map((rect) => rect.y + rect.height));
  return { x, y, width: right - x, height: bottom - y };
}

const heightOf = ({ pods }: Card): number =>
  pods.length === 0 ? CARD.height : PODS.title + pods.length * PODS.row + PODS.bottom;

/** Names of pods and of the outside world are long. */
const widthOf = ({ island, cards }: Pick<PlacedIsland, 'island' | 'cards'>): number =>
  island.kind === 'outside' || [...cards.values()].some(({ pods }) => pods.length > 0)
    ? CARD.width + 46
    : CARD.width;

function cardRect(placed: PlacedIsland, id: string): Rect {
  const { x, y, cards } = placed;
  const card = cards.get(id)!;
  const width = widthOf(placed);
  let top = y + PADDING.top;
  for (const other of cards.values()) {
    if (other.slot.column === card.slot.column && other.slot.row < card.slot.row) {
      top += heightOf(other) + GAP.y;
    }
  }
  return {
    x: x + PADDING.x + card.slot.column * (width + GAP.x),
    y: top,
    width,
    height: heightOf(card),
  };
}

function columnLengths(cards: Iterable<Card>): number[] {
  const lengths: number[] = [];
  for (const { slot } of cards) {
    while (lengths.length <= slot.column) lengths.push(0);
    lengths[slot.column] = Math.max(lengths[slot.column], slot.row + 1);
  }
  return lengths;
}

function sizeOf(placed: PlacedIsland): { width: number; height: number } {
  const heights: number[] = [];
  for (const card of placed.cards.values()) {
    const { column } = card.slot;
    while (heights.length <= column) heights.push(-GAP.y);
    heights[column] += heightOf(card) + GAP.y;
  }
  return {
    width: 2 * PADDING.x + heights.length * (widthOf(placed) + GAP.x) - GAP.x,
    height: PADDING.top + PADDING.bottom + Math.max(...heights),
  };
}
