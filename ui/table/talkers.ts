import { addCounts, type Counts, noCounts, type ServiceMap } from '../model/service-map.ts';
import type { ServiceNode } from '../model/service-node.ts';

/** What one node had part in, as client and as server. */
export interface Talker {
  readonly node: ServiceNode;
  readonly total: Counts;
  readonly rate: Counts;
  readonly peers: number;
  /** Flows of connections that it opened. */
  asClient: number;
  asServer: number;
}

/** All nodes of a map with what they had part in. An edge from a node to itself counts once. */
export function talkersOf(map: ServiceMap): Talker[] {
  const talkers = new Map<string, Talker & { peers: number }>();
  const of = (node: ServiceNode): Talker & { peers: number } => {
    let talker = talkers.get(node.id);
    if (talker === undefined) {
      talker = { node, total: noCounts(), rate: noCounts(), peers: 0, asClient: 0, asServer: 0 };
      talkers.set(node.id, talker);
    }
    return talker;
  };
  const peers = new Map<string, Set<string>>();
  for (const { from, to, total, rate } of map.edges.values()) {
    for (const node of new Set([from, to])) {
      const talker = of(node);
      addCounts(talker.total, total);
      addCounts(talker.rate, rate);
      const known = peers.get(node.id) ?? new Set();
      peers.set(node.id, known.add(node === from ? to.id : from.id));
    }
    of(from).asClient += total.flows;
    of(to).asServer += total.flows;
  }
  for (const talker of talkers.values()) talker.peers = peers.get(talker.node.id)?.size ?? 0;
  return [...talkers.values()];
}
