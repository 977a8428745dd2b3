import { type ClusterPlan, GONE, type LabPlan, type PodPlan, type WorldHost } from '../topology/plan.ts';
import { LARGE_RECORD, STALE_SERVICE } from '../topology/workloads.ts';
import type { AppConfig } from './app-config.ts';

/** A pod's last address in its node's range, which no pod has: where a service points whose pod is gone. */
const STALE_HOST = 250;

/** What a pod's program is told. `manifestsDir` names the directory of a cluster's manifests. */
export function podConfig(
  plan: LabPlan,
  cluster: ClusterPlan,
  pod: PodPlan,
  rate: number,
  manifestsDir: (cluster: string) => string,
): AppConfig {
  const { program, namespace } = pod.workload;
  const isDns = program.role === 'cluster-dns';
  const clusters = [cluster, ...plan.clusters.filter((other) => other !== cluster)];
  return {
    name: `${pod.cluster}/${namespace}/${pod.name}`,
    program,
    addresses: pod.addresses,
    dns: isDns ? resolverOf(plan).addresses : cluster.dns,
    search: [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'],
    rate,
    records: isDns ? staleRecords(cluster) : {},
    clusters: isDns ? clusters.map(({ name, id }) => ({ name, id, dir: manifestsDir(name) })) : [],
  };
}

/** What a program of the outside world is told. */
export function worldConfig(plan: LabPlan, host: WorldHost, rate: number): AppConfig {
  return {
    name: `world/${host.name}`,
    program: host.program,
    addresses: host.addresses,
    dns: resolverOf(plan).addresses,
    search: [],
    rate,
    records: host.program.role === 'world-dns' ? worldRecords(plan) : {},
    clusters: [],
  };
}

function resolverOf(plan: LabPlan): WorldHost {
  const resolver = plan.world.find(({ program }) => program.role === 'world-dns');
  if (resolver === undefined) throw new Error('the world has no resolver');
  return resolver;
}

function staleRecords(cluster: ClusterPlan): AppConfig['records'] {
  const { ipv4, ipv6 } = cluster.nodes[cluster.nodes.length - 1].podCidrs;
  const addresses = [
    ipv4.replace(/0\/\d+$/, String(STALE_HOST)),
    ipv6.replace(/\/\d+$/, STALE_HOST.toString(16)),
  ];
  return { [`${STALE_SERVICE}.travel.svc.cluster.local`]: addresses };
}

/** The world's names: its hosts, one that is gone, each cluster's front door, and one too large for a datagram. */
function worldRecords(plan: LabPlan): AppConfig['records'] {
  const hosts = plan.world.map(({ name, addresses }) => [`${name}.example.com`, Object.values(addresses)]);
  const doors = plan.clusters.map(({ name, nodes }) => {
    const pods = nodes.flatMap(({ pods }) => pods).filter(({ workload }) => workload.name === 'frontend');
    return [`www.${name}.example.com`, pods.flatMap(({ addresses }) => Object.values(addresses))];
  });
  return Object.fromEntries([
    ...hosts,
    ...doors,
    ['gone.example.com', Object.values(GONE)],
    [LARGE_RECORD, ['Carriage is subject to conditions. '.repeat(120)]],
  ]) as AppConfig['records'];
}
