import type { ListedRow } from '../../proto/flow/aggregate/list-rows.ts';

/** What became of an edge. One that changed in several ways is told by the first of these. */
export const edgeChanges = ['appeared', 'vanished', 'verdict', 'rate'] as const;
export type EdgeChange = (typeof edgeChanges)[number];

/** Kinds of outcome that an edge can have. */
const outcomes = ['forwarded', 'dropped', 'audited', 'errors', 'redirected'] as const;

/** An edge in one of the windows. */
export interface EdgeCount {
  readonly flows: number;
  readonly perSecond: number;
  /** Which outcomes there were, such as `forwarded, dropped`. */
  readonly outcomes: string;
  /** Flows that were dropped. */
  readonly dropped: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

export interface ChangedEdge {
  readonly change: EdgeChange;
  readonly texts: readonly string[];
  readonly before: EdgeCount;
  readonly after: EdgeCount;
}

export interface CompareOptions {
  readonly beforeSeconds: number;
  readonly afterSeconds: number;
  /** A rate changed if it is so many times what it was, or more, or a fraction of it. */
  readonly factor: number;
  /** … and if there were at least so many flows in one of the windows. */
  readonly minFlows: number;
}

/** Edges that differ between two windows, by their rates per second: what appeared first, the busiest first. */
export function compareWindows(
  before: readonly ListedRow[],
  after: readonly ListedRow[],
  options: CompareOptions,
): ChangedEdge[] {
  const { beforeSeconds, afterSeconds } = options;
  const keyOf = ({ texts }: ListedRow): string => JSON.stringify(texts);
  const later = new Map(after.map((row) => [keyOf(row), row]));
  const earlier = new Map(before.map((row) => [keyOf(row), row]));
  const keys = new Set([...earlier.keys(), ...later.keys()]);
  const edges = [...keys].flatMap((key): ChangedEdge[] => {
    const [first, second] = [earlier.get(key), later.get(key)];
    const counts = { before: countOf(first, beforeSeconds), after: countOf(second, afterSeconds) };
    const change = changeOf(counts.before, counts.after, options);
    return change === null ? [] : [{ change, texts: (first ?? second)!.texts, ...counts }];
  });
  return edges.sort(
    (a, b) =>
      edgeChanges.indexOf(a.change) - edgeChanges.indexOf(b.change) ||
      Math.max(b.before.perSecond, b.after.perSecond) - Math.max(a.before.perSecond, a.after.perSecond) ||
      (JSON.stringify(a.texts) < JSON.stringify(b.texts) ? -1 : 1),
  );
}

function changeOf(
  before: EdgeCount,
  after: EdgeCount,
  { factor, minFlows }: CompareOptions,
): EdgeChange | null {
  if (before.flows === 0) return 'appeared';
  if (after.flows === 0) return 'vanished';
  if (before.outcomes !== after.outcomes) return 'verdict';
  if (Math.max(before.flows, after.flows) < minFlows) return null;
  const ratio = after.perSecond / before.perSecond;
  return ratio >= factor || ratio <= 1 / factor ? 'rate' : null;
}

function countOf(row: ListedRow | undefined, seconds: number): EdgeCount {
  if (row === undefined) return { flows: 0, perSecond: 0, outcomes: '', dropped: 0, firstUs: 0, lastUs: 0 };
  const { flows, dropped, firstUs, lastUs } = row;
  const had = outcomes.filter((one) => row[one] > 0).join(', ');
  return { flows, perSecond: flows / seconds, outcomes: had, dropped, firstUs, lastUs };
}
