import type { Island, ServiceNode } from '../model/service-node.ts';
import { layOutIsland, type Link, maxRows, type Slot } from './inner-layout.ts';

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const CARD = { width: 140, height: 34 } as const;
const GAP = { x: 44, y: 12 } as const;
const PADDING = { x: 14, top: 36, bottom: 14 } as const;
/** Room between islands, where their edges run. */
const BETWEEN = { x: 96, y: 44 } as const;
/** Width by height that the whole map strives for. */
const ASPECT = 1.9;

/** An island where it stands. */
interface PlacedIsland {
  readonly island: Island;
  readonly slots: Map<string, Slot>;
  /** Column of islands; the place of whoever stands below depends on the height of whoever stands above. */
  readonly column: number;
  x: number;
  y: number;
}

/**
 * Where everything stands. What is there stays where it is when something comes: newcomers take free places in their island, new islands free places
 * beside the others. Only what a grown island would cover makes way, downwards or to the right.
 */
export class MapLayout {
  private readonly islands = new Map<string, PlacedIsland>();
  private readonly homes = new Map<string, PlacedIsland>();

  /** Forgets all places. */
  clear(): void {
    this.islands.clear();
    this.homes.clear();
  }

  /** Finds a place for those nodes that have none. */
  place(nodes: Iterable<ServiceNode>, links: readonly Link[]): void {
    const newcomers = [...nodes]
      .filter(({ id }) => !this.homes.has(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    if (newcomers.length === 0) return;
    const groups = Map.groupBy(newcomers, ({ island }) => island.id);
    const isFirst = this.islands.size === 0;
    const fresh: PlacedIsland[] = [];
    for (const [id, members] of groups) {
      const placed = this.islands.get(id);
      if (placed !== undefined) for (const node of members) this.settle(placed, node);
      else fresh.push(this.found(members, links));
    }
    if (isFirst) this.spread(fresh, links);
    else for (const island of fresh) this.append(island);
    this.makeWay();
  }

  /** A node's card; undefined before it has a place. */
  card(id: string): Rect | undefined {
    const home = this.homes.get(id);
    const slot = home?.slots.get(id);
    if (home === undefined || slot === undefined) return undefined;
    return {
      x: home.x + PADDING.x + slot.column * (CARD.width + GAP.x),
      y: home.y + PADDING.top + slot.row * (CARD.height + GAP.y),
      ...CARD,
    };
  }

  /** All islands, with the nodes on them. */
  list(): { readonly island: Island; readonly rect: Rect; readonly nodeIds: readonly string[] }[] {
    return [...this.islands.values()].map((placed) => ({
      island: placed.island,
      rect: rectOf(placed),
      nodeIds: [...placed.slots.keys()],
    }));
  }

  /** What encloses everything. */
  bounds(): Rect {
    const rects = [...this.islands.values()].map(rectOf);
    if (rects.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
    const x = Math.min(...rects.map((rect) => rect.x));
    const y = Math.min(...rects.map((rect) => rect.y));
    const right = Math.max(...rects.map((rect) => rect.x + rect.width));
    const bottom = Math.max(...rects.map((rect) => rect.y + rect.height));
    return { x, y, width: right - x, height: bottom - y };
  }

  private found(members: readonly ServiceNode[], links: readonly Link[]): PlacedIsland {
    const slots = layOutIsland(
      members.map(({ id }) => id),
      links,
    );
    const placed: PlacedIsland = { island: members[0].island, slots, column: 0, x: 0, y: 0 };
    for (const { id } of members) this.homes.set(id, placed);
    return placed;
  }

  /** The first free slot, column by column; below the shortest one when there is none. */
  private settle(home: PlacedIsland, { id }: ServiceNode): void {
    const columns = columnLengths(home.slots.values());
    const height = Math.max(maxRows(home.slots.size + 1), ...columns);
    let column = columns.findIndex((length) => length < Math.max(...columns));
    if (column < 0) column = Math.max(...columns) < height ? 0 : columns.length;
    home.slots.set(id, { column, row: columns[column] ?? 0 });
    this.homes.set(id, home);
  }

  /** Places the first islands: who calls others stands to the left of them, in columns that give the map its aspect. */
  private spread(islands: readonly PlacedIsland[], links: readonly Link[]): void {
    const between = links.flatMap(({ from, to }) => {
      const [a, b] = [this.homes.get(from), this.homes.get(to)];
      return a === undefined || b === undefined || a === b ? [] : [{ from: a.island.id, to: b.island.id }];
    });
    const pull = new Map<string, number>();
    const seen = new Set<string>();
    for (const { from, to } of between) {
      if (seen.has(`${from}>${to}`)) continue;
      seen.add(`${from}>${to}`);
      pull.set(from, (pull.get(from) ?? 0) - 1);
      pull.set(to, (pull.get(to) ?? 0) + 1);
    }
    const order = [...islands].sort(
      (a, b) =>
        kindOrder(a) - kindOrder(b) ||
        (pull.get(a.island.id) ?? 0) - (pull.get(b.island.id) ?? 0) ||
        (a.island.id < b.island.id ? -1 : 1),
    );
    const area = order.reduce((sum, island) => {
      const { width, height } = rectOf(island);
      return sum + (width + BETWEEN.x) * (height + BETWEEN.y);
    }, 0);
    const tall = Math.max(...order.map((island) => rectOf(island).height));
    const height = Math.max(tall, Math.sqrt(area / ASPECT));
    const columns: PlacedIsland[][] = [[]];
    let used = 0;
    for (const island of order) {
      const need = rectOf(island).height + (used > 0 ? BETWEEN.y : 0);
      if (used > 0 && used + need > height * 1.15) {
        columns.push([]);
        used = 0;
      }
      columns.at(-1)!.push(island);
      used += need;
    }
    let x = 0;
    for (const [number, column] of columns.entries()) {
      column.sort((a, b) => (a.island.id < b.island.id ? -1 : 1));
      const total = column.reduce((sum, each) => sum + rectOf(each).height + BETWEEN.y, -BETWEEN.y);
      let y = (height - total) / 2;
      for (const each of column) {
        const placed = { ...each, column: number, x, y: Math.round(y) };
        this.replace(placed);
        y += rectOf(placed).height + BETWEEN.y;
      }
      x += Math.max(...column.map((each) => rectOf(each).width)) + BETWEEN.x;
    }
  }

  /** Places a later island below the column that ends highest. */
  private append(island: PlacedIsland): void {
    const bottoms = new Map<number, { x: number; y: number }>();
    for (const other of this.islands.values()) {
      const rect = rectOf(other);
      const bottom = rect.y + rect.height;
      const known = bottoms.get(other.column);
      if (known === undefined || bottom > known.y) bottoms.set(other.column, { x: rect.x, y: bottom });
    }
    const [[column, { x, y }]] = [...bottoms].sort(([, a], [, b]) => a.y - b.y || a.x - b.x);
    this.replace({ ...island, column, x, y: y + BETWEEN.y });
  }

  private replace(placed: PlacedIsland): void {
    this.islands.set(placed.island.id, placed);
    for (const id of placed.slots.keys()) this.homes.set(id, placed);
  }

  /** Pushes what a grown island covers: downwards in its own column, other columns to the right. */
  private makeWay(): void {
    const columns = Map.groupBy(this.islands.values(), ({ column }) => column);
    let left = Number.NEGATIVE_INFINITY;
    for (const [, column] of [...columns].sort(([a], [b]) => a - b)) {
      column.sort((a, b) => a.y - b.y);
      let top = Number.NEGATIVE_INFINITY;
      let right = left;
      for (const island of column) {
        island.x = Math.max(island.x, left);
        island.y = Math.max(island.y, top);
        const rect = rectOf(island);
        top = rect.y + rect.height + BETWEEN.y / 2;
        right = Math.max(right, rect.x + rect.width + BETWEEN.x / 2);
      }
      left = right;
    }
  }
}

/** The outside world stands at the right edge, machines before it. */
function kindOrder({ island }: PlacedIsland): number {
  return island.kind === 'namespace' ? 0 : island.kind === 'machines' ? 1 : 2;
}

function columnLengths(slots: Iterable<Slot>): number[] {
  const lengths: number[] = [];
  for (const { column, row } of slots) {
    while (lengths.length <= column) lengths.push(0);
    lengths[column] = Math.max(lengths[column], row + 1);
  }
  return lengths;
}

function rectOf({ slots, x, y }: PlacedIsland): Rect {
  const lengths = columnLengths(slots.values());
  return {
    x,
    y,
    width: 2 * PADDING.x + lengths.length * (CARD.width + GAP.x) - GAP.x,
    height: PADDING.top + PADDING.bottom + Math.max(...lengths) * (CARD.height + GAP.y) - GAP.y,
  };
}
