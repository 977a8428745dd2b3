import { createHash } from 'node:crypto';
import { type ProgramPlan, type WorkloadPlan, WORKLOADS, WORLD } from './workloads.ts';

/** Addresses of one end, one per family. */
export interface AddressPair {
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface PodPlan {
  readonly cluster: string;
  readonly node: string;
  readonly workload: WorkloadPlan;
  readonly name: string;
  readonly addresses: AddressPair;
  /** Network namespace of the pod. */
  readonly netns: string;
  /** Host side of its veth, in the node's namespace. */
  readonly link: string;
}

export interface NodePlan {
  readonly cluster: string;
  readonly name: string;
  readonly netns: string;
  readonly addresses: AddressPair;
  readonly podCidrs: AddressPair;
  readonly pods: readonly PodPlan[];
}

export interface ClusterPlan {
  readonly name: string;
  /** 1 to 255, part of every identity. */
  readonly id: number;
  readonly nodes: readonly NodePlan[];
  /** Address of the cluster's DNS server. */
  readonly dns: AddressPair;
}

/** A program of the outside world. */
export interface WorldHost {
  readonly name: string;
  readonly addresses: AddressPair;
  readonly program: ProgramPlan;
}

/** The whole lab: every name and address in it, none of them used twice. */
export interface LabPlan {
  readonly clusters: readonly ClusterPlan[];
  readonly world: readonly WorldHost[];
  /** Namespace with the bridge that joins nodes and world. */
  readonly fabricNetns: string;
  readonly outsideNetns: string;
  /** The world's address on the nodes' network: their default gateway. */
  readonly gateway: AddressPair;
}

/** Network of all nodes. */
export const FABRIC = { ipv4: '172.30.0.0/16', ipv6: 'fd00:30::/64', ipv4Bits: 16, ipv6Bits: 64 } as const;
/** Ranges reserved for documentation (RFC 5737, RFC 3849): no real host is ever meant. */
export const WORLD_RANGES: AddressPair = { ipv4: '203.0.113.0/24', ipv6: '2001:db8:113::/64' };
/** Packets to here go nowhere and nobody says so: hosts that are gone. */
export const BLACK_HOLE: AddressPair = { ipv4: '198.51.100.0/24', ipv6: '2001:db8:dead::/64' };
export const GONE: AddressPair = { ipv4: '198.51.100.66', ipv6: '2001:db8:dead::66' };

/** Where the first pod of a node stands in its range; below are gateways, as most address plans have it. */
const FIRST_POD = 10;
/** An interface name has at most 15 bytes (IFNAMSIZ with its final zero). */
const MAX_LINK_NAME = 15;

export function podCidrs(clusterId: number, node: number): AddressPair {
  return { ipv4: `10.${clusterId}.${node}.0/24`, ipv6: `fd00:10:${clusterId}:${node}::/64` };
}

/** Lays the lab out. `prefix` begins the name of every namespace. */
export function planLab(prefix: string): LabPlan {
  const clusters = Object.entries(WORKLOADS).map(([name, workloads], i) =>
    planCluster(prefix, name, i + 1, workloads),
  );
  const world = WORLD.map(({ name, host, program }) => ({ name, program, addresses: worldAddress(host) }));
  return {
    clusters,
    world,
    fabricNetns: `${prefix}-fabric`,
    outsideNetns: `${prefix}-outside`,
    gateway: { ipv4: '172.30.0.1', ipv6: 'fd00:30::1' },
  };
}

/** Addresses of a host of the world. */
export function worldAddress(host: number): AddressPair {
  return { ipv4: `203.0.113.${host}`, ipv6: `2001:db8:113::${host}` };
}

function planCluster(
  prefix: string,
  cluster: string,
  id: number,
  workloads: readonly WorkloadPlan[],
): ClusterPlan {
  const names = [...new Set(workloads.flatMap(({ nodes }) => nodes))].sort();
  const nodes = names.map((name, i): NodePlan => {
    const number = i + 1;
    const placed = workloads.flatMap((workload) =>
      workload.nodes.flatMap((node, replica) => (node === name ? [{ workload, replica }] : [])),
    );
    const pods = placed.map(({ workload, replica }, slot): PodPlan => {
      const host = FIRST_POD + slot;
      const pod = podName(cluster, workload, replica);
      return {
        cluster,
        node: name,
        workload,
        name: pod,
        netns: `${prefix}-${cluster}-${pod}`,
        link: linkName(workload.name, replica),
        addresses: {
          ipv4: `10.${id}.${number}.${host}`,
          ipv6: `fd00:10:${id}:${number}::${host.toString(16)}`,
        },
      };
    });
    return {
      cluster,
      name,
      netns: `${prefix}-${cluster}-${name}`,
      addresses: { ipv4: `172.30.${id}.${number}`, ipv6: `fd00:30::${id}:${number}` },
      podCidrs: podCidrs(id, number),
      pods,
    };
  });
  const dns = nodes
    .flatMap(({ pods }) => pods)
    .find(({ workload }) => workload.program.role === 'cluster-dns');
  if (dns === undefined) throw new Error(`cluster ${cluster} has no DNS server`);
  return { name: cluster, id, nodes, dns: dns.addresses };
}

function linkName(workload: string, replica: number): string {
  const name = `lxc-${workload}${replica === 0 ? '' : replica + 1}`;
  if (name.length > MAX_LINK_NAME) throw new Error(`interface name ${name} is longer than ${MAX_LINK_NAME}`);
  return name;
}

/** Hash of a workload's pod template, as ReplicaSets carry it in their names. */
export function templateHash(cluster: string, workload: WorkloadPlan): string {
  return kubernetesSuffix(`${cluster}/${workload.namespace}/${workload.name}`, 9);
}

/** Name of what made the pod: a ReplicaSet, a StatefulSet, a Job. Empty for a pod of its own. */
export function ownerName(cluster: string, workload: WorkloadPlan): string {
  if (workload.kind === 'Deployment') return `${workload.name}-${templateHash(cluster, workload)}`;
  if (workload.kind === 'CronJob') return `${workload.name}-29384640`; // minutes since 1970 of the run
  return workload.kind === 'StatefulSet' ? workload.name : '';
}

function podName(cluster: string, workload: WorkloadPlan, replica: number): string {
  if (workload.kind === 'Pod') return workload.name;
  const owner = ownerName(cluster, workload);
  if (workload.kind === 'StatefulSet') return `${owner}-${replica}`;
  return `${owner}-${kubernetesSuffix(`${cluster}/${owner}/${replica}`, 5)}`;
}

/** Characters as Kubernetes picks them for generated names: without vowels, so that no words come out. */
function kubernetesSuffix(seed: string, length: number): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  const digest = createHash('sha256').update(seed).digest();
  return [...digest.subarray(0, length)].map((byte) => alphabet[byte % alphabet.length]).join('');
}
