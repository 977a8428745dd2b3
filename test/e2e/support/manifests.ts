import type { Pod, TestNode } from '../../../bench/support/two-nodes.ts';

/** The manifest of a pod as Kubernetes would have it for a Deployment `app`. */
export function podManifest(pod: Pod, app: string, nodeName: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${app}-7d9f8b6c5d-x`,
      namespace: 'travel',
      labels: { app, 'pod-template-hash': '7d9f8b6c5d' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${app}-7d9f8b6c5d`, uid: app, controller: true },
      ],
    },
    spec: { nodeName },
    status: { phase: 'Running', podIP: pod.ipv4, podIPs: [{ ip: pod.ipv4 }, { ip: pod.ipv6 }] },
  };
}

export function nodeManifest(node: TestNode, name: string, zone = 'a'): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { zone } },
    status: {
      addresses: [node.ipv4, node.ipv6].map((address) => ({ type: 'InternalIP', address })),
    },
  };
}

export function namespaceManifest(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function serviceManifest(name: string, clusterIP: string, port: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'travel' },
    spec: { clusterIP, ports: [{ port }], selector: { app: name } },
  };
}
