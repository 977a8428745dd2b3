import { describe, it } from 'node:test';
import { check, np } from '../support/cast.ts';

const S = 'podSelector: { matchLabels: { app: x } }';

/** What a NetworkPolicy says, and who then reaches whom. The cast is in ../support/cast.ts. */
const cases: readonly (readonly [title: string, policies: string, expected: string])[] = [
  // Isolation
  [
    'no policy: everything passes',
    '',
    'allow: P>S tcp/80, Q>S udp/53, C8>S tcp/80, M>S icmp/8, S>C32 gre/0, W6>S tcp/1',
  ],
  [
    'deny all ingress to the pods of a namespace',
    np('{ podSelector: {}, policyTypes: [Ingress] }'),
    'default-deny: P>S tcp/80, Q>S tcp/80, S>P tcp/80, C8>S tcp/80, W6>S udp/53, M>S tcp/80, R>S tcp/80; allow: H>S tcp/80, S>Q tcp/80, P>C8 tcp/80',
  ],
  [
    'deny all egress from the pods of a namespace',
    np('{ podSelector: {}, policyTypes: [Egress] }'),
    'default-deny: S>P tcp/80, S>Q udp/53, P>C8 tcp/80, S>H tcp/80, S>R tcp/80; allow: Q>S tcp/80, Z>P tcp/80, C8>S tcp/80',
  ],
  [
    'deny all, both ways',
    np('{ podSelector: {}, policyTypes: [Ingress, Egress] }'),
    'default-deny: S>P tcp/80, Q>S tcp/80, S>C8 tcp/80, C8>S tcp/80, P>S icmp/8',
  ],
  [
    'other namespaces are not touched',
    np('{ podSelector: {}, policyTypes: [Ingress, Egress] }', 'n', 'b'),
    'allow: P>S tcp/80, S>P tcp/80; default-deny: P>Q tcp/80, Q>P tcp/80',
  ],
  [
    'pods that are not selected are not touched',
    np(`{ ${S}, policyTypes: [Ingress] }`),
    'default-deny: P>S tcp/80; allow: S>P tcp/80, Q>P tcp/80',
  ],
  [
    'a subject by expression',
    np('{ podSelector: { matchExpressions: [{ key: app, operator: In, values: [x, q] }] } }'),
    'default-deny: Q>S tcp/80; allow: Q>P tcp/80',
  ],
  [
    'a subject by absence of a label',
    np('{ podSelector: { matchExpressions: [{ key: tier, operator: DoesNotExist }] } }'),
    'default-deny: Q>P tcp/80; allow: Q>S tcp/80',
  ],
  // policyTypes
  ['no policyTypes: ingress', np('{ podSelector: {} }'), 'default-deny: P>S tcp/80; allow: S>Q tcp/80'],
  [
    'no policyTypes, egress rules: both',
    np('{ podSelector: {}, egress: [{}] }'),
    'default-deny: P>S tcp/80; allow: S>Q tcp/80',
  ],
  [
    'empty policyTypes count as none',
    np('{ podSelector: {}, policyTypes: [], egress: [{ ports: [{ port: 53, protocol: UDP }] }] }'),
    'default-deny: P>S tcp/80, S>Q tcp/80; allow: S>Q udp/53',
  ],
  [
    'only Egress, with ingress rules: these say nothing',
    np(
      '{ podSelector: {}, policyTypes: [Egress], ingress: [{ from: [{ podSelector: { matchLabels: { app: none } } }] }] }',
    ),
    'allow: Q>S tcp/80; default-deny: S>Q tcp/80',
  ],
  [
    'only Ingress, with egress rules: these say nothing',
    np('{ podSelector: {}, policyTypes: [Ingress], egress: [{ to: [{ podSelector: {} }] }] }'),
    'allow: S>Q tcp/80; default-deny: Q>S tcp/80',
  ],
  // Allow all
  [
    'an empty rule allows everybody',
    np('{ podSelector: {}, ingress: [{}] }'),
    'allow: P>S tcp/80, Q>S tcp/80, M>S tcp/80, H>S tcp/80, C8>S tcp/80, W6>S tcp/80, P>S icmp/8, R>S sctp/7, unmanaged>S tcp/1',
  ],
  [
    'an empty from allows everybody',
    np('{ podSelector: {}, ingress: [{ from: [] }] }'),
    'allow: P>S tcp/80, C8>S udp/1, M>S icmp/8',
  ],
  [
    'an empty list of rules allows nobody',
    np('{ podSelector: {}, ingress: [] }'),
    'default-deny: P>S tcp/80',
  ],
  [
    'an empty egress rule allows all',
    np('{ podSelector: {}, policyTypes: [Egress], egress: [{}] }'),
    'allow: S>P tcp/80, S>C8 tcp/80, S>H tcp/80, S>R icmp/8',
  ],
  [
    'an empty to with ports',
    np('{ podSelector: {}, policyTypes: [Egress], egress: [{ to: [], ports: [{ port: 443 }] }] }'),
    'allow: S>C8 tcp/443, S>P tcp/443; default-deny: S>C8 tcp/80, S>C8 udp/443',
  ],
  // Peers by pod
  [
    'from pods of the own namespace',
    np(`{ ${S}, ingress: [{ from: [{ podSelector: {} }] }] }`),
    'allow: P>S tcp/80, S>S tcp/80; default-deny: Q>S tcp/80, C8>S tcp/80, M>S tcp/80, R>S tcp/80',
  ],
  [
    'from pods by label',
    np(`{ ${S}, ingress: [{ from: [{ podSelector: { matchLabels: { app: z } } }] }] }`),
    'allow: P>S tcp/80, P>S icmp/8; default-deny: Z>S tcp/80, Q>S tcp/80',
  ],
  [
    'from pods by In',
    np(
      `{ ${S}, ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: app, operator: In, values: [y, z] }] } }] }] }`,
    ),
    'allow: P>S tcp/80; default-deny: Q>S tcp/80',
  ],
  [
    'from pods by NotIn',
    np(
      `{ ${S}, ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [x] }] } }] }] }`,
    ),
    'allow: P>S tcp/80; default-deny: S>S tcp/80, Q>S tcp/80',
  ],
  [
    'from pods by Exists',
    np(
      '{ podSelector: {}, ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: tier, operator: Exists }] } }] }] }',
    ),
    'allow: S>P tcp/80; default-deny: P>S tcp/80, Q>P tcp/80',
  ],
  [
    'from pods by DoesNotExist',
    np(
      '{ podSelector: {}, ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: tier, operator: DoesNotExist }] } }] }] }',
    ),
    'allow: P>S tcp/80; default-deny: S>P tcp/80, Q>S tcp/80, R>S tcp/80, C8>S tcp/80',
  ],
  [
    'to pods by label',
    np(`{ ${S}, policyTypes: [Egress], egress: [{ to: [{ podSelector: { matchLabels: { app: z } } }] }] }`),
    'allow: S>P tcp/80, S>P udp/9; default-deny: S>Z tcp/80, S>Q tcp/80, S>C8 tcp/80',
  ],
  [
    'several labels are all required',
    np('{ podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: x, tier: web } } }] }] }'),
    'allow: S>P tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'labels that nobody has',
    np(`{ ${S}, ingress: [{ from: [{ podSelector: { matchLabels: { app: x, tier: db } } }] }] }`),
    'default-deny: S>S tcp/80, P>S tcp/80',
  ],
  // Peers by namespace
  [
    'from every namespace',
    np(`{ ${S}, ingress: [{ from: [{ namespaceSelector: {} }] }] }`),
    'allow: P>S tcp/80, Q>S tcp/80, Z>S icmp/8, H>S tcp/1; default-deny: M>S tcp/80, C8>S tcp/80, R>S tcp/80, unmanaged>S tcp/80',
  ],
  [
    'from a namespace by its label',
    np(`{ ${S}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { env: prod } } }] }] }`),
    'allow: Q>S tcp/80, Z>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'from a namespace by its name',
    np(
      `{ ${S}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: b } } }] }] }`,
    ),
    'allow: Q>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'from namespaces by In',
    np(
      `{ ${S}, ingress: [{ from: [{ namespaceSelector: { matchExpressions: [{ key: kubernetes.io/metadata.name, operator: In, values: [b, c] }] } }] }] }`,
    ),
    'allow: Q>S tcp/80; default-deny: P>S tcp/80, N>S tcp/80',
  ],
  [
    'from namespaces by NotIn',
    np(
      `{ ${S}, ingress: [{ from: [{ namespaceSelector: { matchExpressions: [{ key: env, operator: NotIn, values: [prod] }] } }] }] }`,
    ),
    'allow: P>S tcp/80; default-deny: Q>S tcp/80, N>S tcp/80, R>S tcp/80, C8>S tcp/80',
  ],
  [
    'pods of a namespace: both have to match',
    np(
      `{ ${S}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { env: prod } }, podSelector: { matchLabels: { app: z } } }] }] }`,
    ),
    'allow: Z>S tcp/80; default-deny: Q>S tcp/80, P>S tcp/80',
  ],
  [
    'two peers: one has to match',
    np(
      `{ ${S}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { env: prod } } }, { podSelector: { matchLabels: { app: z } } }] }] }`,
    ),
    'allow: Z>S tcp/80, Q>S tcp/80, P>S tcp/80; default-deny: S>S tcp/80',
  ],
  [
    'all pods of all namespaces',
    np(`{ ${S}, ingress: [{ from: [{ namespaceSelector: {}, podSelector: {} }] }] }`),
    'allow: P>S tcp/80, Q>S tcp/80; default-deny: C8>S tcp/80, M>S tcp/80',
  ],
  [
    'pods by label in all namespaces',
    np(
      `{ ${S}, ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: z } } }] }] }`,
    ),
    'allow: P>S tcp/80, Z>S tcp/80; default-deny: Q>S tcp/80',
  ],
  [
    'to a namespace',
    np(
      `{ ${S}, policyTypes: [Egress], egress: [{ to: [{ namespaceSelector: { matchLabels: { env: prod } } }], ports: [{ port: 53, protocol: UDP }] }] }`,
    ),
    'allow: S>Q udp/53; default-deny: S>Q tcp/53, S>P udp/53',
  ],
  [
    'pods of another cluster, by its name',
    np(
      `{ ${S}, ingress: [{ from: [{ podSelector: { matchLabels: { io.cilium.k8s.policy.cluster: other } } }] }] }`,
    ),
    'allow: M>S tcp/80; default-deny: P>S tcp/80',
  ],
  // Ranges
  [
    'from a range',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8 } }] }] }`),
    'allow: C8>S tcp/80, C12>S tcp/80; default-deny: C32>S tcp/80, P>S tcp/80, R>S tcp/80, W6>S tcp/80',
  ],
  [
    'from a range with an exception',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.96.0.0/12] } }] }] }`),
    'allow: C8>S tcp/80; default-deny: C12>S tcp/80',
  ],
  [
    'an exception of one item, allowed by another',
    np(
      `{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.96.0.0/12] } }, { ipBlock: { cidr: 10.97.0.0/16 } }] }] }`,
    ),
    'allow: C8>S tcp/80, C12>S tcp/80',
  ],
  [
    'an exception of one policy, allowed by another',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.96.0.0/12] } }] }] }`) +
      np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 10.97.0.1/32 } }] }] }`, 'np2'),
    'allow: C8>S tcp/80, C12>S tcp/80',
  ],
  [
    'all of IPv4',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 0.0.0.0/0 } }] }] }`),
    'allow: C8>S tcp/80, C32>S tcp/80, A>S tcp/443; default-deny: W6>S tcp/80, P>S tcp/80, R>S tcp/80',
  ],
  [
    'all of IPv6',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: "::/0" } }] }] }`),
    'allow: W6>S tcp/80; default-deny: C8>S tcp/80, P>S tcp/80',
  ],
  [
    'all of IPv4 with an exception',
    np(
      `{ ${S}, policyTypes: [Egress], egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8, 192.0.2.1/32] } }] }] }`,
    ),
    'allow: S>A tcp/443; default-deny: S>C8 tcp/80, S>C32 tcp/80',
  ],
  [
    'a range of IPv6',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: "2001:db8::/32" } }] }] }`),
    'allow: W6>S tcp/80; default-deny: C8>S tcp/80',
  ],
  [
    'a range whose host bits are set',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 10.1.1.1/8 } }] }] }`),
    'allow: C8>S tcp/80, C12>S tcp/80',
  ],
  [
    'to a range and port',
    np(
      `{ ${S}, policyTypes: [Egress], egress: [{ to: [{ ipBlock: { cidr: 192.0.2.0/24 } }], ports: [{ port: 443 }] }] }`,
    ),
    'allow: S>C32 tcp/443; default-deny: S>C32 tcp/80, S>C8 tcp/443',
  ],
  [
    'a single address',
    np(`{ ${S}, ingress: [{ from: [{ ipBlock: { cidr: 10.1.1.1/32 } }] }] }`),
    'allow: C8>S tcp/80; default-deny: C12>S tcp/80',
  ],
  // Ports
  [
    'a port: TCP where no protocol is named',
    np(`{ ${S}, ingress: [{ ports: [{ port: 80 }] }] }`),
    'allow: P>S tcp/80, C8>S tcp/80; default-deny: P>S tcp/81, P>S udp/80, P>S sctp/80, P>S icmp/8',
  ],
  [
    'UDP',
    np(`{ ${S}, ingress: [{ ports: [{ port: 80, protocol: UDP }] }] }`),
    'allow: P>S udp/80; default-deny: P>S tcp/80',
  ],
  [
    'SCTP',
    np(`{ ${S}, ingress: [{ ports: [{ port: 80, protocol: SCTP }] }] }`),
    'allow: P>S sctp/80; default-deny: P>S tcp/80, P>S udp/80',
  ],
  [
    'a port without anything: all of TCP',
    np(`{ ${S}, ingress: [{ ports: [{}] }] }`),
    'allow: P>S tcp/9; default-deny: P>S udp/9, P>S icmp/8',
  ],
  [
    'a whole protocol',
    np(`{ ${S}, ingress: [{ ports: [{ protocol: UDP }] }] }`),
    'allow: P>S udp/1, P>S udp/65535; default-deny: P>S tcp/1',
  ],
  [
    'empty ports: everything',
    np(`{ ${S}, ingress: [{ ports: [] }] }`),
    'allow: P>S tcp/9, P>S icmp/8, P>S gre/0',
  ],
  [
    'several ports',
    np(`{ ${S}, ingress: [{ ports: [{ port: 80 }, { port: 81, protocol: UDP }] }] }`),
    'allow: P>S tcp/80, P>S udp/81; default-deny: P>S tcp/81, P>S udp/80',
  ],
  [
    'a range of ports',
    np(`{ ${S}, ingress: [{ ports: [{ port: 80, endPort: 90 }] }] }`),
    'allow: P>S tcp/80, P>S tcp/87, P>S tcp/88, P>S tcp/90; default-deny: P>S tcp/79, P>S tcp/91, P>S udp/85',
  ],
  [
    'a range of one port',
    np(`{ ${S}, ingress: [{ ports: [{ port: 80, endPort: 80 }] }] }`),
    'allow: P>S tcp/80; default-deny: P>S tcp/81',
  ],
  [
    'a range of nearly all ports',
    np(`{ ${S}, ingress: [{ ports: [{ port: 1024, endPort: 65535 }] }] }`),
    'allow: P>S tcp/1024, P>S tcp/65535; default-deny: P>S tcp/1023',
  ],
  [
    'a range on egress',
    np(
      `{ ${S}, policyTypes: [Egress], egress: [{ ports: [{ port: 32768, endPort: 32770, protocol: UDP }] }] }`,
    ),
    'allow: S>C8 udp/32769; default-deny: S>C8 udp/32771, S>C8 tcp/32769',
  ],
  [
    'a named port on ingress: of the selected pod',
    np(`{ ${S}, ingress: [{ ports: [{ port: http }] }] }`),
    'allow: P>S tcp/8080; default-deny: P>S tcp/80, P>S udp/8080',
  ],
  [
    'a named port with another protocol',
    np(`{ ${S}, ingress: [{ ports: [{ port: http, protocol: UDP }] }] }`),
    'default-deny: P>S tcp/8080, P>S udp/8080',
  ],
  [
    'a named port that the pod has not',
    np(`{ ${S}, ingress: [{ ports: [{ port: metrics }] }] }`),
    'default-deny: P>S tcp/8080',
  ],
  [
    'a named port on egress: of each peer',
    np(
      `{ ${S}, policyTypes: [Egress], egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: http }, { port: dns, protocol: UDP }] }] }`,
    ),
    'allow: S>Q tcp/8080, S>Q udp/53; default-deny: S>P tcp/8080, S>Z tcp/8080, S>Q tcp/80',
  ],
  [
    'a named port on egress to anybody',
    np(`{ ${S}, policyTypes: [Egress], egress: [{ ports: [{ port: http }] }] }`),
    'allow: S>Q tcp/8080; default-deny: S>P tcp/8080, S>C8 tcp/8080',
  ],
  [
    'peers and ports have to match together',
    np(
      `{ ${S}, ingress: [{ from: [{ podSelector: { matchLabels: { app: z } } }], ports: [{ port: 80 }] }] }`,
    ),
    'allow: P>S tcp/80; default-deny: P>S tcp/81, Q>S tcp/80',
  ],
  [
    'two rules: either',
    np(
      `{ ${S}, ingress: [{ from: [{ podSelector: { matchLabels: { app: z } } }], ports: [{ port: 80 }] }, { from: [{ namespaceSelector: { matchLabels: { env: prod } } }], ports: [{ port: 81 }] }] }`,
    ),
    'allow: P>S tcp/80, Q>S tcp/81; default-deny: P>S tcp/81, Q>S tcp/80',
  ],
  // Several policies
  [
    'policies add up',
    np(`{ ${S}, ingress: [{ ports: [{ port: 80 }] }] }`) +
      np(`{ ${S}, ingress: [{ ports: [{ port: 81 }] }] }`, 'np2'),
    'allow: P>S tcp/80, P>S tcp/81; default-deny: P>S tcp/82',
  ],
  [
    'a deny-all and an allow: the allow counts',
    np('{ podSelector: {}, policyTypes: [Ingress] }') +
      np(`{ ${S}, ingress: [{ from: [{ podSelector: {} }] }] }`, 'np2'),
    'allow: P>S tcp/80; default-deny: S>P tcp/80, Q>S tcp/80',
  ],
  [
    'an allow-all makes deny-all vain',
    np('{ podSelector: {}, policyTypes: [Ingress] }') + np('{ podSelector: {}, ingress: [{}] }', 'np2'),
    'allow: P>S tcp/80, C8>S udp/1',
  ],
  [
    'a narrow allow inside a broad one',
    np('{ podSelector: {}, ingress: [{}] }') + np(`{ ${S}, ingress: [{ ports: [{ port: 80 }] }] }`, 'np2'),
    'allow: P>S tcp/81, P>S udp/1',
  ],
  [
    'both ends have to allow',
    np(`{ ${S}, policyTypes: [Egress], egress: [{ to: [{ podSelector: {} }] }] }`) +
      np('{ podSelector: { matchLabels: { app: z } }, ingress: [{ ports: [{ port: 80 }] }] }', 'np2'),
    'allow: S>P tcp/80; default-deny: S>P tcp/81, S>Q tcp/80',
  ],
  [
    'allowed by the source, denied by the destination',
    np('{ podSelector: {}, policyTypes: [Egress], egress: [{}] }') +
      np('{ podSelector: {}, policyTypes: [Ingress] }', 'np2', 'b'),
    'default-deny: S>Q tcp/80; allow: S>P tcp/80',
  ],
  [
    'allowed by the destination, denied by the source',
    np('{ podSelector: {}, policyTypes: [Egress] }') + np('{ podSelector: {}, ingress: [{}] }', 'np2', 'b'),
    'default-deny: S>Q tcp/80; allow: C8>Q tcp/80',
  ],
  [
    'the node reaches its pods',
    np('{ podSelector: {}, policyTypes: [Ingress, Egress] }'),
    'allow: H>S tcp/80, H>S udp/1, H>S icmp/8; default-deny: S>H tcp/80, R>S tcp/80',
  ],
  [
    'no namespace in the manifest: default',
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: n }\nspec: { podSelector: {} }',
    'allow: P>S tcp/80',
  ],
];

describe('NetworkPolicy', () => {
  for (const [title, policies, expected] of cases) it(title, () => check(policies, expected));
});
