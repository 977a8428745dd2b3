import type { Edge, ServiceMap } from '../model/service-map.ts';

/** A name that is there, and how much of it. */
export interface KnownName {
  readonly name: string;
  /** Flows that it had part in; orders what is offered. */
  readonly flows: number;
}

/** What can be named by a topic of filters (`namespace`, `pod`, `port`, …), most flows first. */
export type KnownNames = ReadonlyMap<string, readonly KnownName[]>;

/** Collects names by topic. */
export class NameCollector {
  private readonly topics = new Map<string, Map<string, number>>();

  add(topic: string, name: string, flows: number): void {
    if (name === '') return;
    let names = this.topics.get(topic);
    if (names === undefined) this.topics.set(topic, (names = new Map()));
    names.set(name, (names.get(name) ?? 0) + flows);
  }

  /** Everything collected, most flows first. */
  names(): KnownNames {
    return new Map(
      [...this.topics].map(([topic, names]) => [
        topic,
        [...names]
          .map(([name, flows]) => ({ name, flows }))
          .sort((a, b) => b.flows - a.flows || (a.name < b.name ? -1 : 1)),
      ]),
    );
  }
}

/** Adds the names that a service map holds. */
export function collectMapNames(map: ServiceMap, into: NameCollector): void {
  for (const edge of map.edges.values()) {
    for (const node of [edge.from, edge.to]) collectNode(node, edge, into);
    for (const { port, protocol, flows } of edge.ports.values()) {
      into.add('port', port, flows);
      into.add('protocol', protocol.toLowerCase(), flows);
    }
  }
}

function collectNode({ island, title, group }: Edge['from'], { total }: Edge, into: NameCollector): void {
  switch (island.kind) {
    case 'namespace':
      into.add('namespace', island.title, total.flows);
      into.add('cluster', island.cluster, total.flows);
      into.add('workload', group?.title ?? title, total.flows);
      into.add('pod', `${island.title}/${title}`, total.flows);
      break;
    case 'machines':
      into.add('identity', title, total.flows);
      break;
    case 'outside':
      for (const name of title.split(',')) if (name.includes('.')) into.add('fqdn', name, total.flows);
  }
}
