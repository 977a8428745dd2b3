/** Random policies that are valid, of all kinds, about the universe of universe.ts. */
import fc from 'fast-check';
import type { EntryYaml, PolicyYaml, PortYaml, SelectorYaml, SpecYaml } from './policy-yaml.ts';

const NAMESPACE = 'io.kubernetes.pod.namespace';
const NAMESPACE_LABELS = 'io.cilium.k8s.namespace.labels.';
const CLUSTER = 'io.cilium.k8s.policy.cluster';

/** A sub-list in its own order. */
function some<T>(values: readonly T[], min: number, max: number): fc.Arbitrary<T[]> {
  return fc.subarray([...values], { minLength: min, maxLength: Math.min(max, values.length) });
}

interface KeyChoice {
  readonly key: string;
  readonly values: readonly string[];
}

function selector(keys: readonly KeyChoice[], prefixes: readonly string[]): fc.Arbitrary<SelectorYaml> {
  const choice = fc
    .tuple(fc.constantFrom(...keys), fc.constantFrom(...prefixes))
    .map(([{ key, values }, prefix]) => ({ key: key.includes(':') ? key : prefix + key, values }));
  const equality = choice.chain(({ key, values }) =>
    fc.constantFrom(...values).map((value) => [key, value] as const),
  );
  const expression = choice.chain(({ key, values }) =>
    fc.oneof(
      fc
        .constantFrom('In', 'NotIn')
        .chain((operator) => some(values, 1, 2).map((picked) => ({ key, operator, values: picked }))),
      fc.constantFrom('Exists', 'DoesNotExist').map((operator) => ({ key, operator })),
    ),
  );
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant({}) },
    {
      weight: 5,
      arbitrary: fc.record({
        matchLabels: fc.array(equality, { maxLength: 2 }).map((pairs) => Object.fromEntries(pairs)),
        matchExpressions: fc.array(expression, { maxLength: 2 }),
      }),
    },
    { weight: 4, arbitrary: equality.map(([key, value]) => ({ matchLabels: { [key]: value } })) },
  );
}

const appKeys: readonly KeyChoice[] = [
  { key: 'app', values: ['x', 'y', 'z'] },
  { key: 'app', values: ['x', 'y', 'z'] },
  { key: 'tier', values: ['f', 'g', 'h'] },
];
const whereKeys: readonly KeyChoice[] = [
  { key: NAMESPACE, values: ['a', 'b'] },
  { key: `${NAMESPACE_LABELS}env`, values: ['prod', 'dev'] },
  { key: CLUSTER, values: ['east', 'west'] },
];
const reservedKeys: readonly KeyChoice[] = [
  'host',
  'remote-node',
  'init',
  'world-ipv4',
  'kube-apiserver',
].map((name) => ({ key: `reserved:${name}`, values: [''] }));
const prefixes = ['', '', 'k8s:', 'any:', 'container:'];

const podSelector = selector(appKeys, ['']);
const namespaceSelector = selector(
  [
    { key: 'env', values: ['prod', 'dev'] },
    { key: 'team', values: ['blue', 'red'] },
    { key: 'kubernetes.io/metadata.name', values: ['a', 'b'] },
  ],
  [''],
);
const ciliumPeer = selector([...appKeys, ...appKeys, ...whereKeys, ...reservedKeys], prefixes);
const ciliumSubject = selector([...appKeys, ...appKeys, whereKeys[0], reservedKeys[2]], prefixes);
const zoneSelector = selector([{ key: 'zone', values: ['one', 'two'] }], ['', 'node:', 'k8s:']);

const cidrs: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0/0': ['10.0.0.0/8', '10.97.0.1/32', '192.0.2.0/24'],
  '10.0.0.0/8': ['10.96.0.0/12', '10.97.0.0/16', '10.1.1.1/32'],
  '10.96.0.0/12': ['10.97.0.0/16', '10.96.0.7/32'],
  '10.97.0.1/32': [],
  '203.0.113.0/24': ['203.0.113.8/29'],
  '::/0': ['2001:db8::/32', '2001:db8::1/128'],
  '2001:db8::/32': ['2001:db8:1::/48'],
};
const cidrSet = fc
  .constantFrom(...Object.keys(cidrs))
  .chain((cidr) =>
    some(cidrs[cidr], 0, 2).map((except) => (except.length === 0 ? { cidr } : { cidr, except })),
  );

const networkPolicyPort: fc.Arbitrary<PortYaml> = fc.oneof(
  fc.record({ port: fc.constantFrom(53, 80, 81, 8080), protocol: fc.constantFrom('TCP', 'UDP', 'SCTP') }),
  fc.constantFrom<PortYaml>(
    {},
    { protocol: 'UDP' },
    { port: 'http' },
    { port: 'dns', protocol: 'UDP' },
    { port: 79, endPort: 90 },
    { port: 1, endPort: 65_535, protocol: 'UDP' },
  ),
);

const networkPolicyEntry = (list: 'from' | 'to'): fc.Arbitrary<EntryYaml> => {
  const peer = fc.oneof(
    podSelector.map((pods) => ({ podSelector: pods })),
    namespaceSelector.map((spaces) => ({ namespaceSelector: spaces })),
    fc.tuple(podSelector, namespaceSelector).map(([pods, spaces]) => ({
      podSelector: pods,
      namespaceSelector: spaces,
    })),
    // An exception of a NetworkPolicy has to be strictly inside.
    cidrSet.map((ipBlock) => ({ ipBlock })),
  );
  return fc.record(
    { [list]: fc.array(peer, { maxLength: 2 }), ports: fc.array(networkPolicyPort, { maxLength: 2 }) },
    { requiredKeys: [] },
  );
};

const ciliumPort: fc.Arbitrary<PortYaml> = fc.oneof(
  fc.record(
    {
      port: fc.constantFrom('53', '80', '81', '8080', '0', 'http', 'dns'),
      protocol: fc.constantFrom('TCP', 'UDP', 'SCTP', 'ANY', 'tcp'),
    },
    { requiredKeys: ['port'] },
  ),
  fc.constantFrom<PortYaml>(
    { port: '79', endPort: 90, protocol: 'TCP' },
    { port: '80', endPort: 70, protocol: 'UDP' },
    { port: '1', endPort: 65_535 },
    { port: 'http', endPort: 8081 },
  ),
);
const icmpField = fc.oneof(
  fc.constantFrom(0, 8, 13, '8', 'EchoRequest', 'EchoReply', 'Timestamp').map((type) => ({ type })),
  fc.constantFrom(128, 'EchoRequest', 'PacketTooBig').map((type) => ({ family: 'IPv6', type })),
);

const ciliumPorts: fc.Arbitrary<EntryYaml> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<EntryYaml>({}) },
  {
    weight: 5,
    arbitrary: fc.record({
      toPorts: fc.array(fc.record({ ports: fc.array(ciliumPort, { minLength: 1, maxLength: 3 }) }), {
        minLength: 1,
        maxLength: 2,
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ icmps: fc.array(fc.record({ fields: fc.array(icmpField) }), { maxLength: 2 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<EntryYaml>({ toPorts: [] }, { toPorts: [{}] }, { toPorts: [{ ports: [] }] }),
  },
);

const entityNames =
  'all world world-ipv4 world-ipv6 cluster cluster-mesh host remote-node kube-apiserver init health unmanaged ingress none'.split(
    ' ',
  );
const service = fc.constantFrom(
  { k8sService: { serviceName: 'web', namespace: 'a' } },
  { k8sService: { serviceName: 'web' } },
  { k8sService: { serviceName: 'bank', namespace: 'b' } },
  { k8sService: { serviceName: 'nobody', namespace: 'b' } },
  { k8sServiceSelector: { selector: { matchLabels: { public: 'yes' } } } },
  { k8sServiceSelector: { selector: { matchLabels: { public: 'yes' } }, namespace: 'b' } },
);

function ciliumEntry(prefix: 'from' | 'to'): fc.Arbitrary<EntryYaml> {
  const peers: fc.Arbitrary<EntryYaml>[] = [
    fc.constant({}),
    ...[1, 2, 3].map(() =>
      fc.array(ciliumPeer, { minLength: 1, maxLength: 3 }).map((list) => ({ [`${prefix}Endpoints`]: list })),
    ),
    some(entityNames, 1, 2).map((list) => ({ [`${prefix}Entities`]: list })),
    some(entityNames, 1, 1).map((list) => ({ [`${prefix}Entities`]: list })),
    some(Object.keys(cidrs), 1, 2).map((list) => ({ [`${prefix}CIDR`]: [...list, '192.0.2.1'] })),
    fc.array(cidrSet, { minLength: 1, maxLength: 2 }).map((list) => ({ [`${prefix}CIDRSet`]: list })),
    zoneSelector.map((one) => ({ [`${prefix}Nodes`]: [one] })),
    fc.constantFrom('Endpoints', 'Entities', 'CIDR').map((name) => ({ [prefix + name]: [] })),
    ...(prefix === 'to' ? [fc.array(service, { maxLength: 2 }).map((toServices) => ({ toServices }))] : []),
  ];
  return fc.tuple(fc.oneof(...peers), ciliumPorts).map(([peer, ports]) => ({ ...peer, ...ports }));
}

const ruleLists: fc.Arbitrary<SpecYaml> = fc
  .record(
    {
      ingress: fc.array(ciliumEntry('from'), { maxLength: 3 }),
      ingressDeny: fc.array(ciliumEntry('from'), { maxLength: 1 }),
      egress: fc.array(ciliumEntry('to'), { maxLength: 3 }),
      egressDeny: fc.array(ciliumEntry('to'), { maxLength: 1 }),
      enableDefaultDeny: fc.record({ ingress: fc.boolean(), egress: fc.boolean() }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  )
  .map((spec) => {
    const { ingress = [], ingressDeny = [], egress = [], egressDeny = [] } = spec;
    // A spec without any rule is refused.
    return ingress.length + ingressDeny.length + egress.length + egressDeny.length > 0
      ? spec
      : { ...spec, ingress: [{}] };
  });

const namespace = fc.constantFrom('a', 'b');

const networkPolicy = fc
  .record({
    namespace,
    spec: fc.record(
      {
        podSelector,
        policyTypes: some(['Ingress', 'Egress'], 0, 2),
        ingress: fc.array(networkPolicyEntry('from'), { maxLength: 3 }),
        egress: fc.array(networkPolicyEntry('to'), { maxLength: 3 }),
      },
      { requiredKeys: ['podSelector'] },
    ),
  })
  .map(({ namespace, spec }) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: '', namespace },
    spec,
  }));

const ciliumSpec = fc
  .tuple(ciliumSubject, ruleLists)
  .map(([endpointSelector, rules]): SpecYaml => ({ endpointSelector, ...rules }));

const ciliumPolicy = fc
  .tuple(namespace, fc.array(ciliumSpec, { minLength: 1, maxLength: 2 }))
  .map(([namespace, specs]) => ({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name: '', namespace },
    ...(specs.length === 1 ? { spec: specs[0] } : { specs }),
  }));

const clusterwideSpec = fc.oneof(
  { weight: 3, arbitrary: ciliumSpec },
  {
    weight: 1,
    arbitrary: fc
      .tuple(zoneSelector, ruleLists)
      .map(([nodeSelector, rules]): SpecYaml => ({ nodeSelector, ...rules })),
  },
);
const clusterwidePolicy = clusterwideSpec.map((spec) => ({
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumClusterwideNetworkPolicy',
  metadata: { name: '' },
  spec,
}));

/** Several policies, each with a name of its own. */
export const policies: fc.Arbitrary<PolicyYaml[]> = fc
  .array(fc.oneof<fc.Arbitrary<PolicyYaml>[]>(networkPolicy, ciliumPolicy, clusterwidePolicy), {
    minLength: 1,
    maxLength: 6,
  })
  .map((list) =>
    list.map((policy, i) => ({ ...policy, metadata: { ...policy.metadata, name: `policy-${i}` } })),
  );
