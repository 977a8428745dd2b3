import { stringify } from 'yaml';
import type { ClusterPlan, NodePlan, PodPlan } from './plan.ts';
import { ownerName, templateHash } from './plan.ts';
import { AUDITED_NAMESPACE, policyObjects } from './policies.ts';
import type { ProgramPlan } from './workloads.ts';

/** A cluster's manifests as the API server would print them: text by file name. */
export function clusterManifests(cluster: ClusterPlan): Map<string, string> {
  const files = new Map<string, string>();
  const pods = cluster.nodes.flatMap((node) => node.pods);
  const namespaces = [...new Set(pods.map(({ workload }) => workload.namespace))].sort();
  files.set('namespaces.yaml', documents(namespaces.map(namespaceObject)));
  files.set('nodes.yaml', documents(cluster.nodes.map(nodeObject)));
  files.set('services.yaml', documents(serviceObjects(pods)));
  files.set('policies.yaml', documents(policyObjects(cluster)));
  for (const node of cluster.nodes) {
    for (const pod of node.pods) {
      files.set(`pods/${pod.workload.namespace}-${pod.name}.yaml`, documents([podObject(pod, node)]));
    }
  }
  return files;
}

function documents(objects: readonly object[]): string {
  return objects.map((object) => stringify(object)).join('---\n');
}

function namespaceObject(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
  };
}

function nodeObject(node: NodePlan): object {
  const { ipv4, ipv6 } = node.podCidrs;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: { 'kubernetes.io/hostname': node.name, 'topology.kubernetes.io/region': node.cluster },
    },
    spec: { podCIDR: ipv4, podCIDRs: [ipv4, ipv6] },
    status: {
      addresses: [
        { type: 'InternalIP', address: node.addresses.ipv4 },
        { type: 'InternalIP', address: node.addresses.ipv6 },
        { type: 'Hostname', address: node.name },
      ],
    },
  };
}

function podObject(pod: PodPlan, node: NodePlan): object {
  const { workload } = pod;
  const owner = ownerReference(pod);
  const ports = portsOf(workload.program);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      namespace: workload.namespace,
      labels: {
        ...workload.labels,
        ...(workload.kind === 'Deployment' && { 'pod-template-hash': templateHash(pod.cluster, workload) }),
      },
      ...(workload.namespace === AUDITED_NAMESPACE && {
        annotations: { 'policy.sluice.io/audit': 'true' },
      }),
      ...(owner !== undefined && { ownerReferences: [owner] }),
    },
    spec: {
      nodeName: node.name,
      serviceAccountName: workload.kind === 'Pod' ? 'default' : workload.name,
      containers: [
        {
          name: workload.name,
          image: `example.org/${workload.name}:1.0`,
          ...(ports.length > 0 && { ports }),
        },
      ],
    },
    status: {
      phase: 'Running',
      hostIP: node.addresses.ipv4,
      podIP: pod.addresses.ipv4,
      podIPs: [{ ip: pod.addresses.ipv4 }, { ip: pod.addresses.ipv6 }],
    },
  };
}

function ownerReference({ cluster, workload }: PodPlan): object | undefined {
  const kinds = {
    Deployment: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
    StatefulSet: { apiVersion: 'apps/v1', kind: 'StatefulSet' },
    CronJob: { apiVersion: 'batch/v1', kind: 'Job' },
    Pod: undefined,
  } as const;
  const kind = kinds[workload.kind];
  return kind && { ...kind, name: ownerName(cluster, workload), controller: true, blockOwnerDeletion: true };
}

interface ContainerPort {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol: 'TCP' | 'UDP';
}

function portsOf(program: ProgramPlan): ContainerPort[] {
  if (program.role === 'web') return [{ name: 'http', containerPort: program.port, protocol: 'TCP' }];
  if (program.role === 'cache') return [{ name: 'cache', containerPort: program.port, protocol: 'TCP' }];
  if (program.role !== 'cluster-dns') return [];
  return [
    { name: 'dns', containerPort: 53, protocol: 'UDP' },
    { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
  ];
}

/** A headless service for each workload that listens. */
function serviceObjects(pods: readonly PodPlan[]): object[] {
  const workloads = new Map(pods.map(({ workload }) => [`${workload.namespace}/${workload.name}`, workload]));
  return [...workloads.values()].flatMap((workload) => {
    const ports = portsOf(workload.program);
    if (ports.length === 0) return [];
    return [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: workload.name, namespace: workload.namespace },
        spec: {
          clusterIP: 'None',
          selector: workload.labels,
          ports: ports.map(({ name, containerPort, protocol }) => ({
            name,
            protocol,
            port: containerPort,
            targetPort: name,
          })),
        },
      },
    ];
  });
}
