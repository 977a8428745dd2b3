/** A place within an island: column from the left, row from the top. */
export interface Slot {
  readonly column: number;
  readonly row: number;
}

/** An arrow between two of the nodes that are laid out. */
export interface Link {
  readonly from: string;
  readonly to: string;
}

const SWEEPS = 12;

/**
 * Places the nodes of an island in columns: who calls stands to the left of whom it calls, as far as the bound on height lets it. Pure and
 * independent of the order of its input.
 */
export function layOutIsland(ids: readonly string[], links: readonly Link[]): Map<string, Slot> {
  const sorted = [...ids].sort();
  const inside = new Set(sorted);
  const inner = links.filter(({ from, to }) => from !== to && inside.has(from) && inside.has(to));
  const ranks = rankByPath(sorted, inner);
  const columns = pour(sorted, ranks);
  sweep(columns, inner);
  const slots = new Map<string, Slot>();
  for (const [column, members] of columns.entries()) {
    for (const [row, id] of members.entries()) slots.set(id, { column, row });
  }
  return slots;
}

/** Most rows of an island with so many nodes: islands are a little wider than high. */
export function maxRows(count: number): number {
  return Math.max(3, Math.ceil(Math.sqrt(count * 1.6)));
}

/** The longest path that leads to each node; of a cycle, the arrow back to where a walk came from counts for nothing. */
function rankByPath(ids: readonly string[], links: readonly Link[]): Map<string, number> {
  const degree = new Map<string, number>(ids.map((id) => [id, 0]));
  const callees = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { from, to } of [...links].sort(compareLinks)) {
    degree.set(from, degree.get(from)! + 1);
    degree.set(to, degree.get(to)! - 1);
    callees.get(from)!.push(to);
  }
  // Walks begin where most goes out: the arrows that close a cycle are then those that lead back to there.
  const starts = [...ids].sort((a, b) => degree.get(b)! - degree.get(a)! || compare(a, b));
  const state = new Map<string, 'open' | 'done'>();
  const finished: string[] = [];
  const forward = new Map<string, string[]>();
  const visit = (id: string): void => {
    state.set(id, 'open');
    const kept: string[] = [];
    for (const callee of callees.get(id)!) {
      if (state.get(callee) === 'open') continue;
      kept.push(callee);
      if (state.get(callee) === undefined) visit(callee);
    }
    forward.set(id, kept);
    state.set(id, 'done');
    finished.push(id);
  };
  for (const id of starts) if (!state.has(id)) visit(id);
  const ranks = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const id of finished.reverse()) {
    for (const callee of forward.get(id)!) {
      ranks.set(callee, Math.max(ranks.get(callee)!, ranks.get(id)! + 1));
    }
  }
  return ranks;
}

/** Fills columns of limited height with the nodes by rank; a rank begins a new column where the last one is at least half full. */
function pour(ids: readonly string[], ranks: ReadonlyMap<string, number>): string[][] {
  const height = maxRows(ids.length);
  const byRank = [...ids].sort((a, b) => ranks.get(a)! - ranks.get(b)! || compare(a, b));
  const columns: string[][] = [];
  let rank = -1;
  for (const id of byRank) {
    const current = columns.at(-1);
    const isNewRank = ranks.get(id) !== rank;
    rank = ranks.get(id)!;
    if (current === undefined || current.length >= height || (isNewRank && current.length >= height / 2)) {
      columns.push([id]);
    } else current.push(id);
  }
  return columns;
}

/** Orders each column by where its neighbours in other columns stand. */
function sweep(columns: string[][], links: readonly Link[]): void {
  const neighbours = new Map<string, string[]>();
  for (const { from, to } of links) {
    for (const [a, b] of [
      [from, to],
      [to, from],
    ]) {
      const known = neighbours.get(a);
      if (known === undefined) neighbours.set(a, [b]);
      else known.push(b);
    }
  }
  const rows = new Map<string, number>();
  const note = (column: readonly string[]): void => column.forEach((id, row) => rows.set(id, row));
  columns.forEach(note);
  for (let pass = 0; pass < SWEEPS; pass++) {
    for (const column of pass % 2 === 0 ? columns : [...columns].reverse()) {
      const centre = new Map(
        column.map((id) => {
          const near = neighbours.get(id) ?? [];
          const sum = near.reduce((total, other) => total + rows.get(other)!, 0);
          return [id, near.length === 0 ? rows.get(id)! : sum / near.length];
        }),
      );
      column.sort((a, b) => centre.get(a)! - centre.get(b)! || compare(a, b));
      note(column);
    }
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const compareLinks = (a: Link, b: Link): number => compare(a.from, b.from) || compare(a.to, b.to);
