import { addWord, FilterError, type FilterWord } from '../filter/filter-words.ts';
import type { Edge, ServiceMap } from './service-map.ts';
import type { ServiceNode } from './service-node.ts';

/** Which end of a flow words speak of; empty = either. */
type Side = '' | 'from-' | 'to-';

/** What `edge:…` and `node:…` mean on a map. */
export function selectedOf(
  map: ServiceMap,
  selection: string,
): { readonly edge: Edge | null; readonly node: ServiceNode | null } {
  const id = selection.slice(5);
  return {
    edge: selection.startsWith('edge:') ? (map.edges.get(id) ?? null) : null,
    node: selection.startsWith('node:') ? (map.nodes.get(id) ?? null) : null,
  };
}

/** The words of the command line for flows that have a node at one end. */
export function endWords({ id, island, title, group }: ServiceNode, side: Side): FilterWord[] {
  const word = (topic: string, value: string): FilterWord => ({
    flag: `${side}${topic}`,
    value,
    isNot: false,
  });
  if (island.kind === 'namespace') {
    const cluster = island.cluster === '' ? [] : [word('cluster', island.cluster)];
    return group === null
      ? [...cluster, word('namespace', island.title), word('workload', title)]
      : [...cluster, word('pod', `${island.title}/${title}`)];
  }
  if (island.kind === 'machines') return [word('identity', title)];
  return id === 'outside/' ? [word('identity', 'world')] : [word('fqdn', title.split(',')[0])];
}

/** The words for the flows from the client of an edge to its server; those of the answers are the same the other way round. */
export function edgeWords({ from, to }: Pick<Edge, 'from' | 'to'>): FilterWord[] {
  return [...endWords(from, 'from-'), ...endWords(to, 'to-')];
}

/** The words in force, narrowed to what is selected. */
export function onlyWords(
  words: readonly FilterWord[],
  map: ServiceMap,
  selection: string,
): readonly FilterWord[] {
  const { edge, node } = selectedOf(map, selection);
  const more = edge !== null ? edgeWords(edge) : node !== null ? endWords(node, '') : [];
  return addAll(words, more);
}

/** The words in force, without what is selected. */
export function excludeWords(
  words: readonly FilterWord[],
  map: ServiceMap,
  selection: string,
): readonly FilterWord[] {
  const { edge, node } = selectedOf(map, selection);
  const less = edge !== null ? edgeWords(edge) : node !== null ? endWords(node, '') : [];
  return addAll(
    words,
    less.map((word) => ({ ...word, isNot: true })),
  );
}

function addAll(words: readonly FilterWord[], more: readonly FilterWord[]): readonly FilterWord[] {
  try {
    return more.reduce<readonly FilterWord[]>((all, word) => addWord(all, word), words);
  } catch (error) {
    if (error instanceof FilterError) return words;
    throw error;
  }
}
