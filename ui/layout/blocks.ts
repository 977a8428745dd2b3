import type { Island } from '../model/service-node.ts';
import type { Link } from './inner-layout.ts';

/** An island as a rectangle that is to be placed. */
export interface Block {
  readonly id: string;
  readonly island: Island;
  /** Column of islands within its cluster, from the left. */
  column: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Room between islands, where their edges run; the more there are, the more of it. */
const BETWEEN = { x: 72, y: 30 } as const;
const roomBeside = (islands: number): number => Math.min(220, BETWEEN.x + 4 * Math.max(0, islands - 8));
/** Room between clusters, with the frames around them. */
const CLUSTERS = 76;
/** Width by height that the whole map strives for. */
const ASPECT = 1.9;

/**
 * Places islands: those of a cluster together, who calls others to the left of them, in columns; clusters below each other, in as many rows and columns as
 * give the map its aspect; machines and the outside world at the right edge.
 * @param fresh those that have no place yet, when not `isFirst`
 * @param isFirst places all of them anew
 */
export function arrangeBlocks(
  blocks: readonly Block[],
  fresh: readonly Block[],
  links: readonly Link[],
  isFirst: boolean,
): void {
  if (isFirst) {
    arrangeAll(blocks, links);
    return;
  }
  const isFresh = new Set(fresh);
  const settled = blocks.filter((block) => !isFresh.has(block));
  for (const block of [...fresh].sort(byId)) {
    append(block, settled);
    settled.push(block);
  }
  makeWay(settled);
}

function arrangeAll(blocks: readonly Block[], links: readonly Link[]): void {
  const order = callersFirst(blocks, links);
  const groups = [...Map.groupBy(order, ({ island }) => island.cluster)]
    .filter(([cluster]) => cluster !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, members]) => members);
  const apart = order.filter(({ island }) => island.cluster === '');
  const share = Math.max(1, groups.length);
  for (const members of groups) columnsOf(members, links, ASPECT * (share > 1 ? 1.5 : 0.9));
  const size = arrangeGroups(groups);
  // Machines and the outside world: one column at the right.
  const total = apart.reduce((sum, { height }) => sum + height + BETWEEN.y, -BETWEEN.y);
  let y = Math.max(0, (size.height - total) / 2);
  const x = size.width === 0 ? 0 : size.width + CLUSTERS;
  for (const block of apart) {
    Object.assign(block, { x, y: Math.round(y), column: 0 });
    y += block.height + BETWEEN.y;
  }
}

/** Fills columns of about equal height with the islands of a cluster, and puts each near whom it speaks to. */
function columnsOf(members: readonly Block[], links: readonly Link[], aspect: number): void {
  const beside = roomBeside(members.length);
  const area = members.reduce((sum, { width, height }) => sum + (width + beside) * (height + BETWEEN.y), 0);
  const limit = Math.max(Math.sqrt(area / aspect), ...members.map(({ height }) => height));
  const columns: Block[][] = [[]];
  let used = 0;
  for (const block of members) {
    if (used > 0 && used + BETWEEN.y + block.height > limit * 1.1) {
      columns.push([]);
      used = 0;
    }
    columns.at(-1)!.push(block);
    used += block.height + (used > 0 ? BETWEEN.y : 0);
  }
  const neighbours = new Map<string, Set<string>>();
  for (const { from, to } of links) {
    neighbours.set(from, (neighbours.get(from) ?? new Set<string>()).add(to));
    neighbours.set(to, (neighbours.get(to) ?? new Set<string>()).add(from));
  }
  const middles = new Map<string, number>();
  const stack = (column: readonly Block[]): void => {
    const total = column.reduce((sum, { height }) => sum + height + BETWEEN.y, -BETWEEN.y);
    let y = (limit - total) / 2;
    for (const block of column) {
      block.y = Math.round(y);
      middles.set(block.id, y + block.height / 2);
      y += block.height + BETWEEN.y;
    }
  };
  let x = 0;
  for (const [number, column] of columns.entries()) {
    column.sort(byId);
    stack(column);
    for (const block of column) Object.assign(block, { column: number, x });
    x += Math.max(...column.map(({ width }) => width)) + beside;
  }
  for (let pass = 0; pass < 4; pass++) {
    for (const column of columns) {
      const pull = new Map(
        column.map(({ id }) => {
          const near = [...(neighbours.get(id) ?? [])].flatMap((other) => middles.get(other) ?? []);
          const sum = near.reduce((all, each) => all + each, 0);
          return [id, near.length === 0 ? middles.get(id)! : sum / near.length];
        }),
      );
      column.sort((a, b) => pull.get(a.id)! - pull.get(b.id)! || byId(a, b));
      stack(column);
    }
  }
}

/** Puts clusters into as many columns as come nearest to the aspect; returns the size of all. */
function arrangeGroups(groups: readonly (readonly Block[])[]): { width: number; height: number } {
  const sizes = groups.map((members) => {
    const top = Math.min(...members.map(({ y }) => y));
    for (const block of members) block.y -= top;
    return {
      width: Math.max(...members.map(({ x, width }) => x + width)),
      height: Math.max(...members.map(({ y, height }) => y + height)),
    };
  });
  let best: { x: number; y: number }[] = [];
  let [bestError, bestWidth, bestHeight] = [Number.POSITIVE_INFINITY, 0, 0];
  for (let columns = 1; columns <= groups.length; columns++) {
    const perColumn = Math.ceil(groups.length / columns);
    const places: { x: number; y: number }[] = [];
    let [x, width, height] = [0, 0, 0];
    for (let first = 0; first < groups.length; first += perColumn) {
      let y = 0;
      let widest = 0;
      for (const size of sizes.slice(first, first + perColumn)) {
        places.push({ x, y });
        y += size.height + CLUSTERS;
        widest = Math.max(widest, size.width);
      }
      height = Math.max(height, y - CLUSTERS);
      width = x + widest;
      x = width + CLUSTERS;
    }
    const error = Math.abs(Math.log(width / height / ASPECT));
    if (error < bestError - 1e-9) {
      [best, bestError, bestWidth, bestHeight] = [places, error, width, height];
    }
  }
  for (const [i, members] of groups.entries()) {
    for (const block of members) {
      block.x += best[i].x;
      block.y += best[i].y;
    }
  }
  return { width: bestWidth, height: bestHeight };
}

/** Places a later island below the column of its cluster that ends highest. */
function append(block: Block, settled: readonly Block[]): void {
  const own = settled.filter(({ island }) => island.cluster === block.island.cluster);
  if (own.length === 0) {
    const right = Math.max(0, ...settled.map(({ x, width }) => x + width));
    Object.assign(block, { x: right + CLUSTERS, y: 0, column: 0 });
    return;
  }
  const ends = [...Map.groupBy(own, ({ column }) => column)].map(([column, members]) => ({
    column,
    x: Math.min(...members.map(({ x }) => x)),
    y: Math.max(...members.map(({ y, height }) => y + height)),
  }));
  const [{ column, x, y }] = ends.sort((a, b) => a.y - b.y || a.x - b.x);
  Object.assign(block, { column, x, y: y + BETWEEN.y });
}

/** Pushes what a grown island covers to the right, or down, whichever is less far. */
function makeWay(blocks: readonly Block[]): void {
  const order = [...blocks].sort((a, b) => a.y - b.y || a.x - b.x || byId(a, b));
  for (let pass = 0; pass < 40; pass++) {
    let hasMoved = false;
    for (const [i, a] of order.entries()) {
      for (const b of order.slice(i + 1)) {
        const right = a.x + a.width + BETWEEN.x / 2 - b.x;
        const down = a.y + a.height + BETWEEN.y / 2 - b.y;
        const isApart = right <= 0 || down <= 0 || b.x + b.width <= a.x || b.y + b.height <= a.y;
        if (isApart) continue;
        // Columns stay columns where they can.
        if (b.x >= a.x + a.width / 2 && right < down) b.x += right;
        else b.y += down;
        hasMoved = true;
      }
    }
    if (!hasMoved) return;
    order.sort((a, b) => a.y - b.y || a.x - b.x || byId(a, b));
  }
}

/** Islands that call more others than call them first; machines and the outside world last. */
function callersFirst(blocks: readonly Block[], links: readonly Link[]): Block[] {
  const pull = new Map<string, number>();
  const seen = new Set<string>();
  for (const { from, to } of links) {
    if (seen.has(`${from}>${to}`)) continue;
    seen.add(`${from}>${to}`);
    pull.set(from, (pull.get(from) ?? 0) - 1);
    pull.set(to, (pull.get(to) ?? 0) + 1);
  }
  return [...blocks].sort(
    (a, b) => kindOrder(a) - kindOrder(b) || (pull.get(a.id) ?? 0) - (pull.get(b.id) ?? 0) || byId(a, b),
  );
}

const kindOrder = ({ island }: Block): number =>
  island.kind === 'namespace' ? 0 : island.kind === 'outside' ? 1 : 2;
const byId = (a: Block, b: Block): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
