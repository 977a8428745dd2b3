import type { PodManifest } from '../../../cluster/manifest/objects.ts';

/** A running pod as the manifest reader yields it. */
export function buildPod(overrides: Partial<PodManifest> = {}): PodManifest {
  return {
    kind: 'Pod',
    namespace: 'travel',
    name: 'search-0',
    labels: {},
    owners: [],
    nodeName: 'node1',
    serviceAccount: 'default',
    hostNetwork: false,
    phase: 'Running',
    addresses: ['10.1.0.1'],
    ...overrides,
  };
}

/** The text of a pod's manifest. */
export function podYaml(
  name: string,
  address: string,
  labels: Readonly<Record<string, string>> = {},
): string {
  const lines = Object.entries(labels).map(([key, value]) => `    ${key}: "${value}"\n`);
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: travel
  labels:
    app: ${name}
${lines.join('')}spec:
  nodeName: node1
status:
  phase: Running
  podIPs:
    - ip: ${address}
`;
}
