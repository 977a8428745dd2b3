import { portsText, toneOf, toneWeight } from '../map/graph.ts';
import type { ServiceMap } from '../model/service-map.ts';

/** Something that one can go to. */
export interface SearchItem {
  readonly what: string;
  readonly kind: string;
  readonly name: string;
  readonly detail: string;
}

const MAX_ITEMS = 40;

/** Islands, nodes and edges of which all words of the query are part, the ones that begin with it first. Pure. */
export function searchItems(map: ServiceMap, query: string): SearchItem[] {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const items: SearchItem[] = [];
  const islands = new Map([...map.nodes.values()].map(({ island }) => [island.id, island]));
  for (const island of islands.values()) {
    const kind = island.kind === 'namespace' ? 'namespace' : 'place';
    items.push({ what: `island:${island.id}`, kind, name: island.title, detail: island.cluster });
  }
  for (const { id, title, island, group } of map.nodes.values()) {
    const kind = island.kind === 'namespace' ? (group === null ? 'workload' : 'pod') : 'name';
    items.push({
      what: `node:${id}`,
      kind,
      name: title,
      detail: [island.cluster, island.title].filter(Boolean).join(' / '),
    });
  }
  const edges = [...map.edges.values()].sort(
    (a, b) => toneWeight[toneOf(b.total)] - toneWeight[toneOf(a.total)] || b.total.flows - a.total.flows,
  );
  for (const edge of edges) {
    items.push({
      what: `edge:${edge.id}`,
      kind: toneOf(edge.total) === 'dropped' ? 'denied' : 'edge',
      name: `${edge.from.title} → ${edge.to.title}`,
      detail: portsText(edge),
    });
  }
  const found = items.filter(({ name, detail, kind }) => {
    const text = `${name} ${detail} ${kind}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const first = words[0] ?? '';
  const rank = ({ name }: SearchItem): number =>
    first !== '' && name.toLowerCase().startsWith(first) ? 0 : 1;
  return found
    .map((item, i) => ({ item, i }))
    .sort((a, b) => rank(a.item) - rank(b.item) || a.i - b.i)
    .slice(0, MAX_ITEMS)
    .map(({ item }) => item);
}
