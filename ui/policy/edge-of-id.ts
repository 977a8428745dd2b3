import { nodeOf, type ServiceNode } from '../model/service-node.ts';

/** The two ends of an edge of the map. */
export interface EdgeEnds {
  readonly id: string;
  readonly from: ServiceNode;
  readonly to: ServiceNode;
}

/** The ends that an edge's id names, whether the map has it or not. Null for what is no id. */
export function edgeOfId(id: string): EdgeEnds | null {
  const ends = id.split('>');
  if (ends.length !== 2) return null;
  const [from, to] = ends.map(nodeOfId);
  return from === null || to === null ? null : { id, from, to };
}

function nodeOfId(id: string): ServiceNode | null {
  if (id.startsWith('outside/')) {
    return nodeOf({ cluster: '', workload: '(world)', name: id.slice('outside/'.length) });
  }
  if (id.startsWith('machines/')) {
    return nodeOf({ cluster: '', workload: `(${id.slice('machines/'.length)})`, name: '' });
  }
  const [cluster, namespace = '', workload = '', pod = ''] = id.split('/');
  if (namespace === '' || workload === '') return null;
  const name = pod === '' ? '' : `${namespace}/${pod}`;
  return nodeOf({ cluster, workload: `${namespace}/${workload}`, name });
}
