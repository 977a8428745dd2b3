import type { Flow } from '../../proto/gen/flow/flow_pb.ts';
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

/** Adds the names that a flow holds, beside those that a map has too. */
export function collectFlowNames(flow: Flow, into: NameCollector): void {
  for (const end of ['source', 'destination'] as const) {
    const { namespace = '', podName = '', labels = [], identity = 0 } = flow[end] ?? {};
    if (podName !== '') into.add('pod', `${namespace}/${podName}`, 1);
    if (identity > 255) into.add('identity', String(identity), 1);
    for (const label of labels) if (isTelling(label)) into.add('label', label.replace(/^k8s:/, ''), 1);
    const service = end === 'source' ? flow.sourceService : flow.destinationService;
    if (service !== undefined && service.name !== '')
      into.add('service', `${service.namespace}/${service.name}`, 1);
    into.add('ip', flow.IP?.[end] ?? '', 1);
  }
  into.add('node-name', flow.nodeName, 1);
  into.add('interface', flow.interface?.name ?? '', 1);
  const record = flow.l7?.record;
  if (record?.case === 'http') into.add('http-method', record.value.method, 1);
}

const isTelling = (label: string): boolean =>
  label.startsWith('k8s:') && !/^k8s:io\.(?:cilium|kubernetes)\./.test(label);

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
