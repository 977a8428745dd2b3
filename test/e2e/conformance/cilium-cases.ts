/** Cases of CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, by what they have beyond NetworkPolicy. */
import type { Probe } from './cast.ts';
import type { ConformanceCase, Step } from './lab.ts';

const metadata = (name: string, namespace?: string): object => ({
  name,
  ...(namespace !== undefined && { namespace }),
});
const cnp = (spec: object, namespace = 'x'): object => ({
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: metadata('case', namespace),
  spec,
});
const ccnp = (spec: object): object => ({
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumClusterwideNetworkPolicy',
  metadata: metadata('case'),
  spec,
});
const NAMESPACE = 'k8s:io.kubernetes.pod.namespace';
const pod = (name: string): object => ({ matchLabels: { pod: name } });
const inNamespace = (name: string, more: object = {}): object => ({
  matchLabels: { [NAMESPACE]: name, ...more },
});
const ports = (...list: object[]): object => ({ toPorts: [{ ports: list }] });
const one = (name: string, policies: readonly object[], allows: Step['allows']): ConformanceCase => ({
  name,
  steps: [{ policies, allows }],
});
const isTo = (name: string, probe: Probe): boolean => probe.to.name === name;
const isFrom = (name: string, probe: Probe): boolean => probe.from.name === name;

const ingress = (name: string, rule: object, isPeer: (probe: Probe) => boolean): ConformanceCase =>
  one(
    `ingress from ${name}`,
    [cnp({ endpointSelector: pod('a'), ingress: [rule] })],
    (probe) => !isTo('x/a', probe) || isPeer(probe),
  );
const egress = (name: string, rule: object, isPeer: (probe: Probe) => boolean): ConformanceCase =>
  one(
    `egress to ${name}`,
    [cnp({ endpointSelector: pod('a'), egress: [rule] })],
    (probe) => !isFrom('x/a', probe) || isPeer(probe),
  );

const notOut = ({ to }: Probe): boolean => to.namespace !== 'out';

const peers: ConformanceCase[] = [
  ingress('endpoints of the own namespace', { fromEndpoints: [{}] }, ({ from }) => from.namespace === 'x'),
  ingress('endpoints by label', { fromEndpoints: [pod('b')] }, ({ from }) => from.name === 'x/b'),
  ingress('another namespace', { fromEndpoints: [inNamespace('y')] }, ({ from }) => from.namespace === 'y'),
  ingress(
    'a pod of another namespace',
    { fromEndpoints: [inNamespace('y', { pod: 'c' })] },
    ({ from }) => from.name === 'y/c',
  ),
  ingress(
    'namespaces by their labels',
    { fromEndpoints: [{ matchLabels: { 'k8s:io.cilium.k8s.namespace.labels.ns': 'z' } }] },
    ({ from }) => from.namespace === 'z',
  ),
  ingress(
    'every namespace',
    { fromEndpoints: [{ matchExpressions: [{ key: NAMESPACE, operator: 'Exists' }] }] },
    () => true,
  ),
  ingress('the cluster', { fromEntities: ['cluster'] }, () => true),
  ingress('the world, which no pod is', { fromEntities: ['world'] }, () => false),
  ingress('the host, which no pod is', { fromEntities: ['host'] }, () => false),
  ingress('everybody', { fromEntities: ['all'] }, () => true),
  ingress('an empty list: nobody', { fromEndpoints: [] }, () => false),
  egress('endpoints by label', { toEndpoints: [pod('b')] }, ({ to }) => to.name === 'x/b'),
  egress('another namespace', { toEndpoints: [inNamespace('z')] }, ({ to }) => to.namespace === 'z'),
  egress('the world', { toEntities: ['world'] }, (probe) => !notOut(probe)),
  egress(
    'the world of both families',
    { toEntities: ['world-ipv4', 'world-ipv6'] },
    (probe) => !notOut(probe),
  ),
  egress('the cluster', { toEntities: ['cluster'] }, notOut),
  egress('everybody', { toEntities: ['all'] }, () => true),
  egress('ranges', { toCIDR: ['198.51.100.7/32', '2001:db8:77::7/128'] }, ({ to }) => to.name === 'out/7'),
  egress(
    'ranges with exceptions',
    {
      toCIDRSet: [
        { cidr: '198.51.100.0/24', except: ['198.51.100.8/32'] },
        { cidr: '2001:db8:77::/64', except: ['2001:db8:77::8/128'] },
      ],
    },
    ({ to }) => to.name === 'out/7',
  ),
  egress('a range, which no pod is in', { toCIDR: ['10.0.0.0/8', 'fd00::/16'] }, () => false),
];

const onPorts = (name: string, list: object[], opens: (probe: Probe) => boolean): ConformanceCase[] => [
  one(
    `ingress on ${name}`,
    [cnp({ endpointSelector: pod('a'), ingress: [ports(...list)] })],
    (probe) => !isTo('x/a', probe) || opens(probe),
  ),
  one(
    `egress on ${name}`,
    [cnp({ endpointSelector: pod('a'), egress: [ports(...list)] })],
    (probe) => !isFrom('x/a', probe) || opens(probe),
  ),
];

const portCases: ConformanceCase[] = [
  ...onPorts(
    'a TCP port',
    [{ port: '80', protocol: 'TCP' }],
    ({ protocol, port }) => protocol === 'tcp' && port === 80,
  ),
  ...onPorts('a port of any protocol', [{ port: '81', protocol: 'ANY' }], ({ port }) => port === 81),
  ...onPorts('a port without protocol', [{ port: '81' }], ({ port }) => port === 81),
  ...onPorts('a range', [{ port: '80', endPort: 90, protocol: 'UDP' }], ({ protocol }) => protocol === 'udp'),
  ...onPorts(
    'all ports of a protocol',
    [{ port: '0', protocol: 'TCP' }],
    ({ protocol }) => protocol === 'tcp',
  ),
  ...onPorts('an SCTP port', [{ port: '80', protocol: 'SCTP' }], () => false),
  one(
    'ingress on a named port',
    [cnp({ endpointSelector: pod('a'), ingress: [ports({ port: 'serve-80-udp', protocol: 'UDP' })] })],
    (probe) => !isTo('x/a', probe) || (probe.protocol === 'udp' && probe.port === 80),
  ),
];

const denies: ConformanceCase[] = [
  one(
    'a deny beats an allow of the same peer',
    [
      cnp({
        endpointSelector: pod('a'),
        ingress: [{ fromEntities: ['all'] }],
        ingressDeny: [{ fromEndpoints: [inNamespace('y')] }],
      }),
    ],
    (probe) => !isTo('x/a', probe) || probe.from.namespace !== 'y',
  ),
  one(
    'a broad deny beats a narrow allow',
    [
      cnp({
        endpointSelector: pod('a'),
        ingress: [{ fromEndpoints: [pod('b')], ...ports({ port: '80', protocol: 'TCP' }) }],
        ingressDeny: [{ fromEntities: ['cluster'] }],
      }),
    ],
    (probe) => !isTo('x/a', probe),
  ),
  one(
    'a deny of one port',
    [
      cnp({
        endpointSelector: pod('a'),
        ingress: [{ fromEntities: ['all'] }],
        ingressDeny: [ports({ port: '80', protocol: 'TCP' })],
      }),
    ],
    (probe) => !isTo('x/a', probe) || probe.protocol !== 'tcp' || probe.port !== 80,
  ),
  one(
    'a deny of one port in an allowed range',
    [
      cnp({
        endpointSelector: pod('a'),
        egress: [ports({ port: '1', endPort: 1000, protocol: 'ANY' })],
        egressDeny: [{ toEndpoints: [inNamespace('y')], ...ports({ port: '81', protocol: 'ANY' }) }],
      }),
    ],
    (probe) => !isFrom('x/a', probe) || probe.to.namespace !== 'y' || probe.port !== 81,
  ),
  one(
    'a deny of a range',
    [
      cnp({
        endpointSelector: pod('a'),
        egress: [{ toEntities: ['all'] }],
        egressDeny: [{ toCIDR: ['198.51.100.8/32', '2001:db8:77::8/128'] }],
      }),
    ],
    (probe) => !isFrom('x/a', probe) || probe.to.name !== 'out/8',
  ),
  one(
    'a deny alone closes the direction',
    [cnp({ endpointSelector: pod('a'), ingressDeny: [{ fromEndpoints: [pod('b')] }] })],
    (probe) => !isTo('x/a', probe),
  ),
  one(
    'a deny alone without default deny leaves the rest open',
    [
      cnp({
        endpointSelector: pod('a'),
        enableDefaultDeny: { ingress: false, egress: false },
        ingressDeny: [{ fromEndpoints: [pod('b')] }],
      }),
    ],
    (probe) => !isTo('x/a', probe) || probe.from.name !== 'x/b',
  ),
];

const wholes: ConformanceCase[] = [
  one(
    'an allow without default deny',
    [
      cnp({
        endpointSelector: pod('a'),
        enableDefaultDeny: { ingress: false },
        ingress: [{ fromEndpoints: [pod('b')] }],
      }),
    ],
    () => true,
  ),
  one(
    'an empty rule closes ingress',
    [cnp({ endpointSelector: {}, ingress: [{}] })],
    ({ to }) => to.namespace !== 'x',
  ),
  one(
    'an empty rule closes egress',
    [cnp({ endpointSelector: {}, egress: [{}] })],
    ({ from }) => from.namespace !== 'x',
  ),
  one(
    'a policy for all namespaces',
    [ccnp({ endpointSelector: pod('a'), ingress: [{ fromEndpoints: [pod('b')] }] })],
    ({ from, to }) => to.pod !== 'a' || from.pod === 'b',
  ),
  one(
    'a policy for all pods of some namespaces',
    [
      ccnp({
        endpointSelector: { matchExpressions: [{ key: NAMESPACE, operator: 'In', values: ['x', 'y'] }] },
        ingress: [{ fromEndpoints: [inNamespace('z')] }],
      }),
    ],
    ({ from, to }) => !['x', 'y'].includes(to.namespace) || from.namespace === 'z',
  ),
  one(
    'several specs',
    [
      {
        apiVersion: 'cilium.io/v2',
        kind: 'CiliumNetworkPolicy',
        metadata: metadata('specs', 'x'),
        specs: [
          { endpointSelector: pod('a'), ingress: [{ fromEndpoints: [pod('b')] }] },
          { endpointSelector: pod('c'), egress: [{ toEndpoints: [inNamespace('y')] }] },
        ],
      },
    ],
    (probe) =>
      (!isTo('x/a', probe) || isFrom('x/b', probe)) && (!isFrom('x/c', probe) || probe.to.namespace === 'y'),
  ),
  one(
    'beside a NetworkPolicy: the sum of both',
    [
      cnp({ endpointSelector: pod('a'), ingress: [{ fromEndpoints: [pod('b')] }] }),
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: metadata('sum', 'x'),
        spec: { podSelector: pod('a'), ingress: [{ from: [{ podSelector: pod('c') }] }] },
      },
    ],
    (probe) => !isTo('x/a', probe) || probe.from.namespace === 'x',
  ),
];

export const ciliumCases: readonly ConformanceCase[] = [...peers, ...portCases, ...denies, ...wholes];
