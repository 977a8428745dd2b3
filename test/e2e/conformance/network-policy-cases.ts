/**
 * Cases of NetworkPolicy: the features by which the public suites (Kubernetes' own end-to-end tests, cyclonus, network-policy-api where it is about NetworkPolicy) sort theirs,
 * each with what may pass, written by hand.
 */
import type { Probe } from './cast.ts';
import type { ConformanceCase, Step } from './lab.ts';

type Spec = Record<string, unknown>;

export function netpol(namespace: string, name: string, spec: Spec): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace },
    spec: { podSelector: {}, ...spec },
  };
}

const pod = (name: string): object => ({ matchLabels: { pod: name } });
const ns = (name: string): object => ({ matchLabels: { ns: name } });
const within = (key: string, operator: string, ...values: string[]): object => ({
  matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }],
});
const tcp80 = { port: 80, protocol: 'TCP' };
const to = (name: string) => (probe: Probe) => probe.to.name === name;
const one = (name: string, policies: readonly object[], allows: Step['allows']): ConformanceCase => ({
  name,
  steps: [{ policies, allows }],
});

/** Peers, as both directions have them: who is meant, seen from x/a. */
const peers: readonly [name: string, peer: object, means: (namespace: string, pod: string) => boolean][] = [
  ['pods of the own namespace by label', { podSelector: pod('b') }, (n, p) => n === 'x' && p === 'b'],
  ['all pods of the own namespace', { podSelector: {} }, (n) => n === 'x'],
  ['all namespaces', { namespaceSelector: {} }, (n) => n !== 'out'],
  ['namespaces by label', { namespaceSelector: ns('y') }, (n) => n === 'y'],
  [
    'a namespace by its default label',
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'z' } } },
    (n) => n === 'z',
  ],
  [
    'pods by label in all namespaces',
    { namespaceSelector: {}, podSelector: pod('c') },
    (n, p) => n !== 'out' && p === 'c',
  ],
  ['all pods in namespaces by label', { namespaceSelector: ns('y'), podSelector: {} }, (n) => n === 'y'],
  ['all pods in all namespaces', { namespaceSelector: {}, podSelector: {} }, (n) => n !== 'out'],
  [
    'pods and namespaces by label',
    { namespaceSelector: ns('y'), podSelector: pod('b') },
    (n, p) => n === 'y' && p === 'b',
  ],
  ['pods by In', { podSelector: within('pod', 'In', 'b', 'c') }, (n, p) => n === 'x' && p !== 'a'],
  ['pods by NotIn', { podSelector: within('pod', 'NotIn', 'b') }, (n, p) => n === 'x' && p !== 'b'],
  ['pods by Exists', { podSelector: within('pod', 'Exists') }, (n) => n === 'x'],
  ['pods by DoesNotExist', { podSelector: within('pod', 'DoesNotExist') }, () => false],
  ['namespaces by In', { namespaceSelector: within('ns', 'In', 'y', 'z') }, (n) => n === 'y' || n === 'z'],
  ['namespaces by NotIn', { namespaceSelector: within('ns', 'NotIn', 'x') }, (n) => n === 'y' || n === 'z'],
  ['nobody by label', { podSelector: pod('nobody') }, () => false],
];

const portLists: readonly [
  name: string,
  ports: readonly object[],
  opens: (protocol: string, port: number) => boolean,
][] = [
  ['a TCP port', [tcp80], (protocol, port) => protocol === 'tcp' && port === 80],
  ['a port of the default protocol', [{ port: 81 }], (protocol, port) => protocol === 'tcp' && port === 81],
  ['a UDP port', [{ port: 80, protocol: 'UDP' }], (protocol, port) => protocol === 'udp' && port === 80],
  ['a whole protocol', [{ protocol: 'UDP' }], (protocol) => protocol === 'udp'],
  ['an SCTP port, which is no TCP port', [{ port: 80, protocol: 'SCTP' }], () => false],
  ['a named port', [{ port: 'serve-81-tcp' }], (protocol, port) => protocol === 'tcp' && port === 81],
  [
    'a named UDP port',
    [{ port: 'serve-80-udp', protocol: 'UDP' }],
    (protocol, port) => protocol === 'udp' && port === 80,
  ],
  ['a named port of another protocol', [{ port: 'serve-80-udp', protocol: 'TCP' }], () => false],
  ['a named port that nobody has', [{ port: 'serve-99-tcp' }], () => false],
  ['a port that nobody serves', [{ port: 7981 }], () => false],
  ['a range of ports', [{ port: 79, endPort: 80 }], (protocol, port) => protocol === 'tcp' && port === 80],
  [
    'a range over both ports',
    [{ port: 1, endPort: 1000, protocol: 'UDP' }],
    (protocol) => protocol === 'udp',
  ],
  [
    'two ports of two protocols',
    [tcp80, { port: 81, protocol: 'UDP' }],
    (protocol, port) => (protocol === 'tcp') === (port === 80),
  ],
  ['no port named: all of them', [], () => true],
];

const ofPeers = peers.flatMap(([name, peer, means]): ConformanceCase[] => [
  one(
    `ingress from ${name}`,
    [netpol('x', 'from', { podSelector: pod('a'), ingress: [{ from: [peer] }] })],
    (probe) => !to('x/a')(probe) || means(probe.from.namespace, probe.from.pod),
  ),
  one(
    `egress to ${name}`,
    [netpol('x', 'to', { podSelector: pod('a'), policyTypes: ['Egress'], egress: [{ to: [peer] }] })],
    ({ from, to: { namespace, pod: podName } }) => from.name !== 'x/a' || means(namespace, podName),
  ),
]);

const ofPorts = portLists.flatMap(([name, ports, opens]): ConformanceCase[] => {
  const rule = ports.length === 0 ? {} : { ports };
  return [
    one(
      `ingress on ${name}`,
      [netpol('y', 'on', { podSelector: pod('a'), ingress: [rule] })],
      (probe) => !to('y/a')(probe) || opens(probe.protocol, probe.port),
    ),
    one(
      `egress on ${name}`,
      [netpol('y', 'on', { podSelector: pod('a'), policyTypes: ['Egress'], egress: [rule] })],
      ({ from, to: { namespace }, protocol, port }) => {
        if (from.name !== 'y/a') return true;
        // What is outside has no names for its ports.
        const isNamed = ports.some((match) => typeof (match as { port?: unknown }).port === 'string');
        return opens(protocol, port) && !(isNamed && namespace === 'out');
      },
    ),
  ];
});

const range = (cidr: string, except: readonly string[] = []): object => ({
  ipBlock: { cidr, ...(except.length > 0 && { except }) },
});
const both = (v4: string, v6: string): object[] => [range(v4), range(v6)];

const ofRanges: ConformanceCase[] = [
  one(
    'egress to a range',
    [
      netpol('x', 'range', {
        policyTypes: ['Egress'],
        egress: [{ to: both('198.51.100.0/24', '2001:db8:77::/64') }],
      }),
    ],
    ({ from, to: { namespace } }) => from.namespace !== 'x' || namespace === 'out',
  ),
  one(
    'egress to a range but for an exception',
    [
      netpol('x', 'range', {
        policyTypes: ['Egress'],
        egress: [
          {
            to: [
              range('198.51.100.0/24', ['198.51.100.8/32']),
              range('2001:db8:77::/64', ['2001:db8:77::8/128']),
            ],
          },
        ],
      }),
    ],
    ({ from, to: target }) => from.namespace !== 'x' || target.name === 'out/7',
  ),
  one(
    'an exception that another range covers is allowed',
    [
      netpol('x', 'range', {
        policyTypes: ['Egress'],
        egress: [
          {
            to: [
              range('198.51.100.0/24', ['198.51.100.8/32']),
              range('2001:db8:77::/64', ['2001:db8:77::8/128']),
              ...both('198.51.100.8/32', '2001:db8:77::8/128'),
            ],
          },
        ],
      }),
    ],
    ({ from, to: { namespace } }) => from.namespace !== 'x' || namespace === 'out',
  ),
  one(
    'egress to a range on a port',
    [
      netpol('x', 'range', {
        policyTypes: ['Egress'],
        egress: [{ to: both('198.51.100.7/32', '2001:db8:77::7/128'), ports: [tcp80] }],
      }),
    ],
    ({ from, to: target, protocol, port }) =>
      from.namespace !== 'x' || (target.name === 'out/7' && protocol === 'tcp' && port === 80),
  ),
  one(
    'egress to everywhere outside',
    [netpol('x', 'range', { policyTypes: ['Egress'], egress: [{ to: both('0.0.0.0/0', '::/0') }] })],
    ({ from, to: { namespace } }) => from.namespace !== 'x' || namespace === 'out',
  ),
];

const closed = (namespace: string, ...policyTypes: string[]): object =>
  netpol(namespace, `closed-${policyTypes.join('-').toLowerCase()}`, { policyTypes });
const opened = (namespace: string, direction: 'ingress' | 'egress'): object =>
  netpol(namespace, `opened-${direction}`, {
    policyTypes: [direction === 'ingress' ? 'Ingress' : 'Egress'],
    [direction]: [{}],
  });
const isInto = (namespace: string) => (probe: Probe) => probe.to.namespace === namespace;
const isOutOf = (namespace: string) => (probe: Probe) => probe.from.namespace === namespace;

const ofTargets: ConformanceCase[] = [
  one('no policy', [], () => true),
  one('default deny of ingress', [closed('x', 'Ingress')], (probe) => !isInto('x')(probe)),
  one('default deny of egress', [closed('x', 'Egress')], (probe) => !isOutOf('x')(probe)),
  one(
    'default deny of both',
    [closed('x', 'Ingress', 'Egress')],
    (probe) => !isInto('x')(probe) && !isOutOf('x')(probe),
  ),
  one('no policyTypes and no rules: ingress', [netpol('x', 'bare', {})], (probe) => !isInto('x')(probe)),
  one(
    'no policyTypes and egress rules: both',
    [netpol('x', 'bare', { egress: [{}] })],
    (probe) => !isInto('x')(probe),
  ),
  one('allow all of ingress', [opened('x', 'ingress')], () => true),
  one('allow all of egress', [opened('x', 'egress')], () => true),
  one('allow all beside deny all, ingress', [closed('x', 'Ingress'), opened('x', 'ingress')], () => true),
  one('allow all beside deny all, egress', [closed('x', 'Egress'), opened('x', 'egress')], () => true),
  one(
    'the client may not, although the server lets it',
    [closed('x', 'Egress'), opened('y', 'ingress')],
    (probe) => !isOutOf('x')(probe),
  ),
  one(
    'the server lets nobody in, although the client may',
    [opened('x', 'egress'), closed('y', 'Ingress')],
    (probe) => !isInto('y')(probe),
  ),
  one(
    'targets by In',
    [netpol('x', 'some', { podSelector: within('pod', 'In', 'a', 'b'), policyTypes: ['Ingress'] })],
    ({ to: target }) => !['x/a', 'x/b'].includes(target.name),
  ),
  one(
    'a target that is not there',
    [netpol('x', 'none', { podSelector: pod('nobody'), policyTypes: ['Ingress', 'Egress'] })],
    () => true,
  ),
  one(
    'stacked policies of overlapping targets',
    [
      netpol('x', 'first', {
        podSelector: pod('a'),
        ingress: [{ from: [{ podSelector: pod('b') }], ports: [tcp80] }],
      }),
      netpol('x', 'second', {
        podSelector: within('pod', 'In', 'a', 'c'),
        ingress: [{ ports: [{ port: 81 }] }],
      }),
    ],
    ({ from, to: target, protocol, port }) => {
      if (target.namespace !== 'x' || target.pod === 'b') return true;
      if (protocol === 'tcp' && port === 81) return true;
      return target.pod === 'a' && from.name === 'x/b' && protocol === 'tcp' && port === 80;
    },
  ),
  one(
    'several rules and several peers in one',
    [
      netpol('x', 'rules', {
        podSelector: pod('a'),
        ingress: [
          { from: [{ podSelector: pod('b') }, { namespaceSelector: ns('z') }], ports: [tcp80] },
          { from: [{ namespaceSelector: ns('y'), podSelector: pod('c') }] },
        ],
      }),
    ],
    ({ from, to: target, protocol, port }) => {
      if (target.name !== 'x/a') return true;
      const isFirst = from.name === 'x/b' || from.namespace === 'z';
      return from.name === 'y/c' || (isFirst && protocol === 'tcp' && port === 80);
    },
  ),
  one(
    'ingress and egress of one policy',
    [
      netpol('x', 'pair', {
        podSelector: pod('a'),
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ namespaceSelector: ns('y') }], ports: [tcp80] }],
        egress: [{ to: [{ namespaceSelector: ns('z') }], ports: [{ port: 81, protocol: 'UDP' }] }],
      }),
    ],
    ({ from, to: target, protocol, port }) => {
      if (target.name === 'x/a') return from.namespace === 'y' && protocol === 'tcp' && port === 80;
      if (from.name === 'x/a') return target.namespace === 'z' && protocol === 'udp' && port === 81;
      return true;
    },
  ),
  one(
    'a policy in each namespace',
    ['x', 'y', 'z'].map((name) => netpol(name, 'own', { ingress: [{ from: [{ podSelector: {} }] }] })),
    ({ from, to: target }) => target.namespace === 'out' || from.namespace === target.namespace,
  ),
];

const fromLabelled = netpol('x', 'friends', {
  podSelector: pod('a'),
  ingress: [{ from: [{ podSelector: { matchLabels: { friend: 'yes' } } }] }],
});
const fromTeam = netpol('x', 'team', {
  podSelector: pod('a'),
  ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'red' } } }] }],
});
const targeted = netpol('x', 'marked', {
  podSelector: { matchLabels: { closed: 'yes' } },
  policyTypes: ['Ingress'],
});

const ofChanges: ConformanceCase[] = [
  {
    name: 'a policy that is mended, then deleted',
    steps: [
      { policies: [netpol('x', 'all', { ingress: [{}] })], allows: () => true },
      { policies: [netpol('x', 'all', { ingress: [] })], allows: (probe) => !isInto('x')(probe) },
      { policies: [], allows: () => true },
    ],
  },
  {
    name: 'a peer that gets a label and loses it',
    steps: [
      { policies: [fromLabelled], allows: (probe) => !to('x/a')(probe) },
      {
        policies: [fromLabelled],
        labels: { 'x/b': { friend: 'yes' } },
        allows: (probe) => !to('x/a')(probe) || probe.from.name === 'x/b',
      },
      { policies: [fromLabelled], allows: (probe) => !to('x/a')(probe) },
    ],
  },
  {
    name: 'a namespace that gets a label and loses it',
    steps: [
      {
        policies: [fromTeam],
        labels: { y: { team: 'red' } },
        allows: (probe) => !to('x/a')(probe) || isOutOf('y')(probe),
      },
      { policies: [fromTeam], allows: (probe) => !to('x/a')(probe) },
    ],
  },
  {
    name: 'a target that gets a label and loses it',
    steps: [
      { policies: [targeted], labels: { 'x/c': { closed: 'yes' } }, allows: (probe) => !to('x/c')(probe) },
      { policies: [targeted], allows: () => true },
    ],
  },
];

export const networkPolicyCases: readonly ConformanceCase[] = [
  ...ofTargets,
  ...ofPeers,
  ...ofPorts,
  ...ofRanges,
  ...ofChanges,
];
