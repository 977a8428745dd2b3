/** A small world for policies to be tried on: two clusters, nodes, and somebody outside. */
import fc from 'fast-check';
import type { PolicyIdentity, PolicyState } from '../../../policy/index.ts';
import { type End, isIn, type PlainService, type World } from './evaluate.ts';

export const CLUSTER_ID = 1;
export const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPv6: 58, GRE: 47 } as const;

export interface Universe {
  readonly world: World;
  /** Outside ends have identity 0 here: it depends on the ranges that policies name. */
  readonly ends: readonly End[];
}

const namespaceLabels: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  a: { env: 'prod' },
  b: { env: 'dev', team: 'blue' },
};

const somePorts = [
  [],
  [{ name: 'http', protocol: 'TCP', port: 80 }],
  [
    { name: 'http', protocol: 'TCP', port: 8080 },
    { name: 'dns', protocol: 'UDP', port: 53 },
  ],
  [{ name: 'http', protocol: 'UDP', port: 80 }],
] as const;

interface PodChoice {
  readonly namespace: string;
  readonly app: string;
  readonly tier: string | null;
  readonly ports: (typeof somePorts)[number];
}

const podChoice: fc.Arbitrary<PodChoice> = fc.record({
  namespace: fc.constantFrom('a', 'b'),
  app: fc.constantFrom('x', 'y', 'z'),
  tier: fc.constantFrom('f', 'g', null),
  ports: fc.constantFrom(...somePorts),
});

/** Labels as the cluster derives them; pods with other ports are another identity. */
export function podLabels(pod: PodChoice, cluster: string): string[] {
  const ports = pod.ports.map(({ name, protocol, port }) => `${name}.${protocol}.${port}`).join('_');
  return [
    `k8s:app=${pod.app}`,
    ...(pod.tier === null ? [] : [`k8s:tier=${pod.tier}`]),
    `k8s:io.kubernetes.pod.namespace=${pod.namespace}`,
    `k8s:io.cilium.k8s.policy.cluster=${cluster}`,
    `k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=${pod.namespace}`,
    ...Object.entries(namespaceLabels[pod.namespace]).map(
      ([key, value]) => `k8s:io.cilium.k8s.namespace.labels.${key}=${value}`,
    ),
    ...(ports === '' ? [] : [`gen:io.cilium.k8s.named-ports=${ports}`]),
  ].sort();
}

function podEnds(pods: readonly PodChoice[], cluster: string, clusterId: number): End[] {
  const numbers = new Map<string, number>();
  return pods.map((pod, i) => {
    const labels = podLabels(pod, cluster);
    const key = labels.join();
    if (!numbers.has(key)) numbers.set(key, (clusterId << 16) + 256 + numbers.size);
    const identity = numbers.get(key)!;
    return {
      name: `${cluster}-pod${i}`,
      identity,
      labels,
      address: '',
      ports: pod.ports,
      isManaged: clusterId === CLUSTER_ID,
    };
  });
}

const reserved = (name: string, identity: number, labels: readonly string[], isManaged = false): End => ({
  name,
  identity,
  labels,
  address: '',
  ports: [],
  isManaged,
});

const outside = (address: string): End => ({
  name: address,
  identity: 0,
  labels: [`reserved:world-ipv${address.includes(':') ? 6 : 4}`],
  address,
  ports: [],
  isManaged: false,
});

const NODE_SCOPE = 2 << 24;
/** An API server outside, which belongs to the cluster all the same. */
const API_SERVER: End = {
  name: 'api-server',
  identity: (2 << 24) - 7,
  labels: ['cidr:203.0.113.9/32', 'reserved:kube-apiserver', 'reserved:world-ipv4'],
  address: '203.0.113.9',
  ports: [],
  isManaged: false,
};

const fixedEnds: readonly End[] = [
  reserved('host', 1, ['k8s:zone=one', 'reserved:host'], true),
  reserved('health', 4, ['reserved:health'], true),
  reserved('init', 5, ['reserved:init'], true),
  reserved('unmanaged', 3, ['reserved:unmanaged']),
  reserved('remote-node', 6, ['reserved:remote-node']),
  reserved('api-node', 7, ['reserved:kube-apiserver', 'reserved:remote-node']),
  reserved('ingress', 8, ['reserved:ingress']),
  reserved('node2', NODE_SCOPE + 5, [
    'k8s:io.cilium.k8s.policy.cluster=east',
    'node:zone=two',
    'reserved:remote-node',
  ]),
  reserved('west-node', NODE_SCOPE + 6, [
    'k8s:io.cilium.k8s.policy.cluster=west',
    'node:zone=one',
    'reserved:remote-node',
  ]),
  API_SERVER,
  ...['10.1.1.1', '10.97.0.1', '10.96.0.7', '192.0.2.1', '2001:db8::1', '2001:db8:1::1'].map(outside),
];

const services: readonly PlainService[] = [
  { namespace: 'a', name: 'web', labels: { public: 'yes' }, selector: { app: 'x' }, addresses: [] },
  { namespace: 'b', name: 'web', labels: {}, selector: { app: 'y', tier: 'f' }, addresses: [] },
  {
    namespace: 'b',
    name: 'bank',
    labels: { public: 'yes' },
    selector: {},
    addresses: ['192.0.2.1', '2001:db8::1'],
  },
];

export const universe: fc.Arbitrary<Universe> = fc
  .record({
    east: fc.array(podChoice, { minLength: 5, maxLength: 8 }),
    west: fc.array(podChoice, { minLength: 2, maxLength: 3 }),
    mode: fc.constantFrom('default', 'default', 'default', 'default', 'always', 'never'),
    hostFirewall: fc.boolean(),
  })
  .map(({ east, west, mode, hostFirewall }) => ({
    world: { cluster: 'east', mode, hostFirewall, services } as World,
    ends: [...podEnds(east, 'east', CLUSTER_ID), ...podEnds(west, 'west', 2), ...fixedEnds],
  }));

/** What the compiler is told of an end's ports. */
export function numberedPorts(end: End): { name: string; protocol: number; port: number }[] {
  return end.ports.map(({ name, protocol, port }) => ({
    name,
    protocol: protocolNumbers[protocol as 'TCP' | 'UDP'],
    port,
  }));
}

/** The identities that the compiler has to be told of. */
export function identitiesOf({ ends }: Universe): PolicyIdentity[] {
  return ends
    .filter(({ identity }) => identity >= 100)
    .map((end) => ({ id: end.identity, labels: end.labels, namedPorts: numberedPorts(end) }));
}

/** Local endpoints, as the compiler is told of them. */
export function endpointsOf({ ends }: Universe): Parameters<PolicyState['update']>[0]['endpoints'] {
  return ends
    .filter(({ isManaged }) => isManaged)
    .map((end) => ({
      key: end.name,
      labels: end.labels,
      namedPorts: numberedPorts(end),
      isHost: end.name === 'host',
    }));
}

/** The identity that packets of an end carry: outside, that of the longest range which anybody speaks of. */
export function identityOf(end: End, state: PolicyState): number {
  if (end.identity !== 0) return end.identity;
  const ranges = [...state.cidrs.entries()].filter(([cidr]) => isIn(end.address, cidr));
  ranges.sort(([a], [b]) => Number(b.split('/')[1]) - Number(a.split('/')[1]));
  return ranges[0]?.[1].id ?? (end.address.includes(':') ? 10 : 9);
}
