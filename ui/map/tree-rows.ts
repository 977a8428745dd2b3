import type { Edge, ServiceMap } from '../model/service-map.ts';
import type { ServiceNode } from '../model/service-node.ts';
import { shortRate } from '../store/format.ts';
import { portsText, toneOf } from './graph.ts';

/** A row of the tree in which the map can be walked by keyboard. */
export interface TreeRow {
  /** One for each row: an edge stands below both of its ends. */
  readonly key: string;
  /** The key of the row that it stands below; empty for islands. */
  readonly parent: string;
  /** 1 island, 2 node, 3 edge. */
  readonly level: number;
  /** `island:…`, `node:…` or `edge:…`. */
  readonly what: string;
  /** Whether its own rows are shown; null = it has none. */
  readonly isOpen: boolean | null;
  readonly name: string;
  readonly detail: string;
}

/** All rows that are to be seen when these are open, by name: the order does not change with rates. */
export function treeRows(map: ServiceMap, open: ReadonlySet<string>): TreeRow[] {
  const edgesOf = new Map<string, Edge[]>();
  for (const edge of map.edges.values()) {
    for (const id of new Set([edge.from.id, edge.to.id])) {
      const known = edgesOf.get(id);
      if (known === undefined) edgesOf.set(id, [edge]);
      else known.push(edge);
    }
  }
  const islands = [...Map.groupBy(map.nodes.values(), ({ island }) => island.id)].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return islands.flatMap(([id, members]) => {
    const [{ island }] = members;
    const what = `island:${id}`;
    const isOpen = open.has(what);
    const name =
      island.cluster === '' ? island.title : `namespace ${island.title}, cluster ${island.cluster}`;
    const detail = `${members.length} ${island.kind === 'namespace' ? 'workloads' : 'names'}`;
    const row: TreeRow = { key: what, parent: '', level: 1, what, isOpen, name, detail };
    if (!isOpen) return [row];
    const nodes = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
    return [row, ...nodes.flatMap((node) => nodeRows(node, edgesOf.get(node.id) ?? [], what, open))];
  });
}

function nodeRows(
  node: ServiceNode,
  edges: readonly Edge[],
  parent: string,
  open: ReadonlySet<string>,
): TreeRow[] {
  const what = `node:${node.id}`;
  const isOpen = edges.length === 0 ? null : open.has(what);
  const rate = edges.reduce((sum, edge) => sum + edge.rate.flows, 0);
  const dropped = edges.reduce((sum, edge) => sum + edge.rate.dropped, 0);
  const bad = dropped > 0 ? `, ${shortRate(dropped)} dropped` : '';
  const detail = `${edges.length} edges, ${shortRate(rate)}${bad}`;
  const row: TreeRow = { key: what, parent, level: 2, what, isOpen, name: node.title, detail };
  if (isOpen !== true) return [row];
  const sorted = [...edges].sort((a, b) => (a.id < b.id ? -1 : 1));
  return [row, ...sorted.map((edge) => edgeRow(edge, node, what))];
}

function edgeRow(edge: Edge, node: ServiceNode, parent: string): TreeRow {
  const isOut = edge.from.id === node.id;
  const other = isOut ? edge.to : edge.from;
  const ports = portsText(edge).replaceAll(':', 'port ');
  return {
    key: `${parent} ${edge.id}`,
    parent,
    level: 3,
    what: `edge:${edge.id}`,
    isOpen: null,
    name: `${isOut ? 'to' : 'from'} ${other.island.title}/${other.title} ${ports}`,
    detail: edgeDetail(edge),
  };
}

/** What an edge does, in words. */
export function edgeDetail({ rate, total }: Edge): string {
  const parts = [shortRate(rate.flows)];
  if (total.dropped > 0) parts.push(`${shortRate(rate.dropped)} dropped, ${total.dropped} in this window`);
  if (total.audited > 0) parts.push(`${shortRate(rate.audited)} would be denied`);
  if (total.errors > 0) parts.push(`${total.errors} errors`);
  return `${toneOf(total)}: ${parts.join(', ')}`;
}
