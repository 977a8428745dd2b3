import { type ClusterPlan, BLACK_HOLE, worldAddress, WORLD_RANGES } from './plan.ts';
import { WORLD } from './workloads.ts';

/** What may speak to what in a cluster: everything else is denied in `travel`, `clients` and `kube-system`, and only told in `monitoring`, whose pods are in audit mode. */
export function policyObjects({ name }: Pick<ClusterPlan, 'name'>): object[] {
  return [
    ...['clients', 'kube-system', 'monitoring', 'travel'].map(defaultDeny),
    ...['clients', 'monitoring', 'travel'].map(asksDns),
    clusterDns,
    noGoneHosts,
    frontDoor,
    ...travelEdges(name),
    travellers,
    watchers,
  ];
}

/** Pods of this namespace audit their policies. */
export const AUDITED_NAMESPACE = 'monitoring';

const HTTP_PORT = 8080;
const CACHE_PORT = 6379;
const NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
const CLUSTER_LABEL = 'io.cilium.k8s.policy.cluster';

const app = (name: string, more: object = {}): object => ({ matchLabels: { app: name, ...more } });
/** Of any cluster: a selector that names the cluster's label is not held to the own one. */
const anywhere = (name: string): object => ({
  matchLabels: { app: name },
  matchExpressions: [{ key: CLUSTER_LABEL, operator: 'Exists' }],
});
const tcp = (...ports: readonly number[]): object[] => [
  { ports: ports.map((port) => ({ port: String(port), protocol: 'TCP' })) },
];
const DNS_PORTS = [
  {
    ports: [
      { port: '53', protocol: 'UDP' },
      { port: '53', protocol: 'TCP' },
    ],
  },
];
const PINGS = [
  {
    fields: [
      { family: 'IPv4', type: 'EchoRequest' },
      { family: 'IPv6', type: 'EchoRequest' },
    ],
  },
];

function ciliumPolicy(namespace: string, name: string, spec: object): object {
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name, namespace },
    spec,
  };
}

function clusterwidePolicy(name: string, spec: object): object {
  return { apiVersion: 'cilium.io/v2', kind: 'CiliumClusterwideNetworkPolicy', metadata: { name }, spec };
}

function defaultDeny(namespace: string): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'default-deny', namespace },
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  };
}

function asksDns(namespace: string): object {
  const dns = { matchLabels: { 'k8s-app': 'kube-dns', [NAMESPACE_LABEL]: 'kube-system' } };
  return ciliumPolicy(namespace, 'dns', {
    endpointSelector: {},
    egress: [{ toEndpoints: [dns], toPorts: DNS_PORTS }],
  });
}

const prefixesOf = (host: string): string[] => {
  const found = WORLD.find(({ name }) => name === host);
  if (found === undefined) throw new Error(`the world has no host ${host}`);
  const { ipv4, ipv6 } = worldAddress(found.host);
  return [`${ipv4}/32`, `${ipv6}/128`];
};

/** The DNS servers of all clusters answer their clusters and ask the world's. */
const clusterDns = clusterwidePolicy('cluster-dns', {
  endpointSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
  ingress: [{ fromEntities: ['cluster'], toPorts: DNS_PORTS }],
  egress: [{ toCIDR: prefixesOf('resolver'), toPorts: DNS_PORTS }],
});

/** Nobody speaks to ranges where nobody answers. */
const noGoneHosts = clusterwidePolicy('no-gone-hosts', {
  endpointSelector: {},
  enableDefaultDeny: { egress: false },
  egressDeny: [{ toCIDR: [BLACK_HOLE.ipv4, BLACK_HOLE.ipv6] }],
});

/** Travellers of the cluster, and the outside world, on the one port that is meant for them. */
const frontDoor = ciliumPolicy('travel', 'front-door', {
  endpointSelector: app('frontend'),
  ingress: [
    { fromEndpoints: [app('traveller', { [NAMESPACE_LABEL]: 'clients' })], toPorts: tcp(HTTP_PORT) },
    { fromEntities: ['world'], toPorts: tcp(HTTP_PORT) },
  ],
});

/** Who calls whom inside the application, over clusters where it does. */
function travelEdges(cluster: string): object[] {
  const edges: readonly (readonly [from: string, to: string, port: number])[] = [
    ['frontend', 'search', HTTP_PORT],
    ['frontend', 'booking', HTTP_PORT],
    ['search', 'cache', CACHE_PORT],
    ['search', 'fares', HTTP_PORT],
    ['fares', 'inventory', HTTP_PORT],
    ['inventory', 'inventory', HTTP_PORT],
    ['booking', 'payment', HTTP_PORT],
    ['payment', 'ledger', HTTP_PORT],
  ];
  const senders = [...new Set(edges.map(([from]) => from))];
  const receivers = [...new Set(edges.map(([, to]) => to))];
  const outside: Readonly<Record<string, object>> = {
    // The bank by its addresses; the airline as whatever the world's range has but its visitors.
    payment: { toCIDR: prefixesOf('bank'), toPorts: tcp(443) },
    fares: {
      toCIDRSet: [
        { cidr: WORLD_RANGES.ipv4, except: [prefixesOf('visitor')[0]] },
        { cidr: WORLD_RANGES.ipv6, except: [prefixesOf('visitor')[1]] },
      ],
      toPorts: tcp(80),
    },
  };
  return [
    ...senders.map((sender) =>
      ciliumPolicy('travel', `${sender}-calls`, {
        endpointSelector: app(sender),
        egress: [
          ...edges
            .filter(([from]) => from === sender)
            .map(([, to, port]) => ({ toEndpoints: [anywhere(to)], toPorts: tcp(port) })),
          ...(outside[sender] === undefined ? [] : [outside[sender]]),
        ],
        description: `What ${sender} needs, in ${cluster} and elsewhere`,
      }),
    ),
    ...receivers.map((receiver) =>
      ciliumPolicy('travel', `${receiver}-callers`, {
        endpointSelector: app(receiver),
        ingress: edges
          .filter(([, to]) => to === receiver)
          .map(([from, , port]) => ({ fromEndpoints: [anywhere(from)], toPorts: tcp(port) })),
      }),
    ),
    ciliumPolicy('travel', 'pings', {
      endpointSelector: {},
      ingress: [
        {
          fromEndpoints: [
            {
              matchLabels: { app: 'pinger', [NAMESPACE_LABEL]: 'monitoring' },
              matchExpressions: [{ key: CLUSTER_LABEL, operator: 'Exists' }],
            },
          ],
          icmps: PINGS,
        },
      ],
    }),
  ];
}

const travellers = ciliumPolicy('clients', 'travellers', {
  endpointSelector: app('traveller'),
  egress: [{ toEndpoints: [app('frontend', { [NAMESPACE_LABEL]: 'travel' })], toPorts: tcp(HTTP_PORT) }],
});

const watchers = ciliumPolicy('monitoring', 'pings', {
  endpointSelector: app('pinger'),
  egress: [{ toEntities: ['all'], icmps: PINGS }],
});
