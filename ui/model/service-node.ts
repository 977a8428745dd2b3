/** Where a node of the map lives: a namespace of a cluster, or one of two islands for what is in none. */
export interface Island {
  readonly id: string;
  readonly cluster: string;
  /** What is written on it. */
  readonly title: string;
  readonly kind: 'namespace' | 'outside' | 'machines';
}

/** A workload or one of its pods, a name of the outside world, or a machine of the clusters. */
export interface ServiceNode {
  readonly id: string;
  readonly island: Island;
  /** What is written on its card. */
  readonly title: string;
  /** Of a pod, the workload on whose card it is; null for all others. */
  readonly group: { readonly id: string; readonly title: string } | null;
}

/** Names of one end of an edge, as rows of flows carry them. */
export interface EndNames {
  readonly cluster: string;
  /** `namespace/name`, or `(world)` and the like for reserved identities, or empty. */
  readonly workload: string;
  /** DNS names, joined by commas; where pods are told apart `namespace/pod`, or an address. */
  readonly name: string;
}

const outside: Island = { id: 'outside', cluster: '', title: 'outside world', kind: 'outside' };
const machines: Island = { id: 'machines', cluster: '', title: 'nodes', kind: 'machines' };
const outsideNames = new Set(['(world)', '(world-ipv4)', '(world-ipv6)', '']);
const address = /^[\d.]+$|:/;

/** The node that these names mean: equal names mean the same one. */
export function nodeOf({ cluster, workload, name }: EndNames): ServiceNode {
  const slash = workload.indexOf('/');
  if (slash > 0 && !workload.startsWith('(')) {
    const namespace = workload.slice(0, slash);
    const island: Island = {
      id: `${cluster}/${namespace}`,
      cluster,
      title: namespace,
      kind: 'namespace',
    };
    const id = `${cluster}/${workload}`;
    const title = workload.slice(slash + 1);
    if (!name.startsWith(`${namespace}/`)) return { id, island, title, group: null };
    const pod = name.slice(slash + 1);
    return { id: `${id}/${pod}`, island, title: pod, group: { id, title } };
  }
  if (outsideNames.has(workload)) {
    const dnsName = address.test(name) ? '' : name;
    const title = dnsName === '' ? 'addresses without a name' : dnsName;
    return { id: `outside/${dnsName}`, island: outside, title, group: null };
  }
  const title = workload.replace(/^\((.*)\)$/, '$1');
  return { id: `machines/${title}`, island: machines, title, group: null };
}
