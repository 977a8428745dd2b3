/** A fleet's labels and policies, for benchmarks: 500 namespaces with 40 apps each, and what their teams write. */
import type { PolicyIdentity } from '../../policy/index.ts';

export const NAMESPACES = 500;
const APPS = 40;

/** Security labels of a pod. */
export function fleetLabels(namespace: number, app: number, variant: number): string[] {
  return [
    `k8s:app=app-${app}`,
    `k8s:io.cilium.k8s.namespace.labels.env=${namespace % 3 === 0 ? 'prod' : 'dev'}`,
    `k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=team-${namespace}`,
    'k8s:io.cilium.k8s.policy.cluster=default',
    `k8s:io.cilium.k8s.policy.serviceaccount=sa-${app}`,
    `k8s:io.kubernetes.pod.namespace=team-${namespace}`,
    `k8s:version=v${variant}`,
  ];
}

/** Identities of a fleet of clusters; those of the first are local. */
export function fleetIdentity(i: number): PolicyIdentity {
  const cluster = Math.floor(i / 65_000);
  return {
    id: (cluster << 16) + 256 + (i % 65_000),
    labels: fleetLabels(i % NAMESPACES, Math.floor(i / NAMESPACES) % APPS, Math.floor(i / NAMESPACES / APPS)),
  };
}

/** What teams write: who may call an app, DNS for all, ranges outside, and now and then a cluster-wide rule. */
export function fleetPolicy(i: number): string {
  const namespace = i % NAMESPACES;
  const app = Math.floor(i / NAMESPACES) * 5;
  const peer = { matchLabels: { app: `app-${app + 1}` } };
  const networkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `policy-${i}`, namespace: `team-${namespace}` },
    spec: {
      podSelector: { matchLabels: { app: `app-${app}` } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [{ podSelector: peer }], ports: [{ port: 8080 }] },
        {
          from: [
            {
              namespaceSelector: {
                matchLabels: { 'kubernetes.io/metadata.name': `team-${(i + 1) % NAMESPACES}` },
              },
            },
          ],
          ports: [{ port: 9000, endPort: 9100 }],
        },
      ],
      egress: [
        { to: [{ namespaceSelector: {} }], ports: [{ port: 53, protocol: 'UDP' }] },
        { to: [{ ipBlock: { cidr: `10.${i % 256}.0.0/16`, except: [`10.${i % 256}.${i % 200}.0/24`] } }] },
      ],
    },
  };
  const ciliumPolicy = {
    apiVersion: 'cilium.io/v2',
    kind: i % 100 === 1 ? 'CiliumClusterwideNetworkPolicy' : 'CiliumNetworkPolicy',
    metadata: { name: `policy-${i}`, namespace: `team-${namespace}` },
    spec: {
      endpointSelector: { matchLabels: { app: `app-${app}` } },
      ingress: [
        { fromEndpoints: [peer], toPorts: [{ ports: [{ port: '8443', protocol: 'TCP' }] }] },
        { fromEntities: ['host', 'remote-node'] },
      ],
      ingressDeny: [{ fromEntities: ['world'], toPorts: [{ ports: [{ port: '22', protocol: 'TCP' }] }] }],
      egress: [{ toEntities: ['cluster'] }],
    },
  };
  return JSON.stringify(i % 2 === 0 ? networkPolicy : ciliumPolicy);
}
