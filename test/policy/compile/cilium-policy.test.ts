import { describe, it } from 'node:test';
import type { PolicyOptions } from '../../../policy/index.ts';
import { ccnp, check, cnp, np } from '../support/cast.ts';

const port = (...ports: readonly string[]): string =>
  `toPorts: [{ ports: [${ports.map((text) => `{ ${text} }`).join(', ')}] }]`;
const NS = 'io.kubernetes.pod.namespace';
const NS_LABELS = 'io.cilium.k8s.namespace.labels';
const CLUSTER = 'io.cilium.k8s.policy.cluster';

const cases: readonly (readonly [
  title: string,
  policies: string,
  expected: string,
  options?: Partial<PolicyOptions>,
])[] = [
  // Empty things
  [
    'an empty entry selects nothing, and enforces',
    cnp('ingress: [{}]'),
    'default-deny: P>S tcp/80; allow: H>S tcp/80, S>Q tcp/80, Q>P tcp/80',
  ],
  [
    'an empty list of peers selects nothing, also with ports',
    cnp(`ingress: [{ fromEndpoints: [], ${port('port: "80"')} }]`),
    'default-deny: P>S tcp/80',
  ],
  [
    'an empty list beside another one selects nothing',
    cnp('ingress: [{ fromEndpoints: [], fromEntities: [all] }]'),
    'default-deny: P>S tcp/80',
  ],
  [
    'no peers with ports: anybody',
    cnp(`ingress: [{ ${port('port: "80", protocol: TCP')} }]`),
    'allow: C8>S tcp/80, R>S tcp/80, M>S tcp/80, unmanaged>S tcp/80; default-deny: P>S tcp/81, P>S icmp/8, P>S udp/80',
  ],
  [
    'toPorts without ports selects nothing',
    cnp('ingress: [{ fromEndpoints: [{}], toPorts: [{}] }]'),
    'default-deny: P>S tcp/80',
  ],
  [
    'toPorts with an empty list selects nothing',
    cnp('ingress: [{ fromEndpoints: [{}], toPorts: [{ ports: [] }] }]'),
    'default-deny: P>S tcp/80',
  ],
  [
    'empty toPorts count as absent',
    cnp('ingress: [{ fromEndpoints: [{}], toPorts: [] }]'),
    'allow: P>S tcp/80, P>S icmp/8',
  ],
  ['empty icmps count as absent', cnp('ingress: [{ fromEndpoints: [{}], icmps: [] }]'), 'allow: P>S tcp/80'],
  [
    'icmps without fields select nothing',
    cnp('ingress: [{ fromEndpoints: [{}], icmps: [{ fields: [] }] }]'),
    'default-deny: P>S icmp/8',
  ],
  [
    'an empty toServices counts as absent',
    cnp(`egress: [{ toServices: [], ${port('port: "80"')} }]`),
    'allow: S>C8 tcp/80; default-deny: S>C8 tcp/81',
  ],
  // Endpoints
  [
    'fromEndpoints {}: pods of the namespace and cluster',
    cnp('ingress: [{ fromEndpoints: [{}] }]'),
    'allow: P>S tcp/80, S>S icmp/8; default-deny: Q>S tcp/80, M>S tcp/80, R>S tcp/80, C8>S tcp/80, unmanaged>S tcp/80',
  ],
  [
    'by label: of the own namespace',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }]'),
    'allow: P>S tcp/80; default-deny: Z>S tcp/80, Q>S tcp/80',
  ],
  [
    'by namespace',
    cnp(`ingress: [{ fromEndpoints: [{ matchLabels: { ${NS}: b } }] }]`),
    'allow: Q>S tcp/80, Z>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'by namespace, with source k8s',
    cnp(`ingress: [{ fromEndpoints: [{ matchLabels: { "k8s:${NS}": b, app: y } }] }]`),
    'allow: Q>S tcp/80; default-deny: Z>S tcp/80, P>S tcp/80',
  ],
  [
    'by namespace and any expression',
    cnp(`ingress: [{ fromEndpoints: [{ matchExpressions: [{ key: "any:${NS}", operator: Exists }] }] }]`),
    'allow: Q>S tcp/80, P>S tcp/80; default-deny: M>S tcp/80, R>S tcp/80',
  ],
  [
    'by a label of the namespace',
    cnp(`ingress: [{ fromEndpoints: [{ matchLabels: { ${NS_LABELS}.env: prod } }] }]`),
    'allow: Q>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'by cluster: the namespace stays required',
    cnp(`ingress: [{ fromEndpoints: [{ matchExpressions: [{ key: ${CLUSTER}, operator: Exists }] }] }]`),
    'allow: P>S tcp/80, M>S tcp/80; default-deny: Q>S tcp/80',
  ],
  [
    'another cluster by name',
    cnp(`ingress: [{ fromEndpoints: [{ matchLabels: { ${CLUSTER}: other } }] }]`),
    'allow: M>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'source k8s',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { "k8s:app": z } }] }]'),
    'allow: P>S tcp/80',
  ],
  [
    'another source does not match',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { "container:app": z } }] }]'),
    'default-deny: P>S tcp/80',
  ],
  [
    'source any',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { "any:app": z } }] }]'),
    'allow: P>S tcp/80',
  ],
  [
    'a reserved label: nothing is added',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { "reserved:remote-node": "" } }] }]'),
    'allow: R>S tcp/80, K>S tcp/80, N>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'a bare key is no reserved label',
    cnp('ingress: [{ fromEndpoints: [{ matchExpressions: [{ key: remote-node, operator: Exists }] }] }]'),
    'default-deny: R>S tcp/80',
  ],
  [
    'reserved:health',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { "reserved:health": "" } }] }]'),
    'allow: health>S tcp/4240; default-deny: R>S tcp/80',
  ],
  [
    'NotIn matches who lacks the label',
    cnp(
      'ingress: [{ fromEndpoints: [{ matchExpressions: [{ key: tier, operator: NotIn, values: [web] }] }] }]',
    ),
    'allow: P>S tcp/80; default-deny: S>S tcp/80, Q>S tcp/80',
  ],
  [
    'several selectors: any of them',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { app: q } }, { matchLabels: { app: z } }] }]'),
    'allow: P>S tcp/80',
  ],
  [
    'egress to endpoints',
    cnp('egress: [{ toEndpoints: [{ matchLabels: { app: z } }] }]'),
    'allow: S>P tcp/80; default-deny: S>Z tcp/80, S>C8 tcp/80, S>H tcp/80',
  ],
  // Subject
  [
    'another namespace in the subject is overwritten',
    cnp('ingress: [{}]', 'c', 'a', `matchLabels: { "k8s:${NS}": b }`),
    'default-deny: P>S tcp/80; allow: P>Q tcp/80',
  ],
  [
    'another namespace in the subject, bare: selects nobody',
    cnp('ingress: [{}]', 'c', 'a', `matchLabels: { ${NS}: b }`),
    'allow: P>S tcp/80, P>Q tcp/80',
  ],
  [
    'an empty subject: the whole namespace',
    cnp('ingress: [{}]', 'c', 'a', ''),
    'default-deny: P>S tcp/80, Q>P tcp/80; allow: P>Q tcp/80',
  ],
  // Cluster-wide
  [
    'cluster-wide, fromEndpoints {}: all pods of the cluster',
    ccnp('ingress: [{ fromEndpoints: [{}] }]'),
    'allow: P>S tcp/80, Q>S tcp/80; default-deny: M>S tcp/80, R>S tcp/80, C8>S tcp/80, health>S tcp/80, unmanaged>S tcp/80',
  ],
  [
    'cluster-wide, by label',
    ccnp('ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }]'),
    'allow: P>S tcp/80, Z>S tcp/80; default-deny: Q>S tcp/80',
  ],
  [
    'cluster-wide, by namespace',
    ccnp(`ingress: [{ fromEndpoints: [{ matchLabels: { ${NS}: b } }] }]`),
    'allow: Q>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'cluster-wide for everybody: health too, not the host',
    ccnp('ingress: [{}]', 'endpointSelector: {}'),
    'default-deny: P>S tcp/80, P>Q tcp/80, P>health tcp/4240; allow: C8>H tcp/22',
  ],
  [
    'cluster-wide with a namespaced one: they add up',
    ccnp('ingress: [{}]', 'endpointSelector: {}') + cnp('ingress: [{ fromEndpoints: [{}] }]'),
    'allow: P>S tcp/80; default-deny: Q>S tcp/80',
  ],
  // Entities
  [
    'all',
    cnp('ingress: [{ fromEntities: [all] }]'),
    'allow: P>S tcp/80, M>S tcp/80, C8>S tcp/80, R>S tcp/80, unmanaged>S icmp/8, W6>S tcp/80',
  ],
  ['none', cnp('ingress: [{ fromEntities: [none] }]'), 'default-deny: P>S tcp/80'],
  [
    'cluster',
    cnp('ingress: [{ fromEntities: [cluster] }]'),
    'allow: P>S tcp/80, Q>S tcp/80, R>S tcp/80, K>S tcp/80, A>S tcp/80, N>S tcp/80, health>S tcp/80, unmanaged>S tcp/80, ingress>S tcp/80; default-deny: M>S tcp/80, C8>S tcp/80',
  ],
  [
    'cluster-mesh',
    cnp('ingress: [{ fromEntities: [cluster-mesh] }]'),
    'allow: P>S tcp/80, M>S tcp/80, R>S tcp/80, A>S tcp/80; default-deny: C8>S tcp/80, W6>S tcp/80',
  ],
  [
    'world',
    cnp('ingress: [{ fromEntities: [world] }]'),
    'allow: C8>S tcp/80, W6>S tcp/80, A>S tcp/80; default-deny: R>S tcp/80, P>S tcp/80, M>S tcp/80',
  ],
  [
    'world, with ranges known to another policy',
    cnp('ingress: [{ fromEntities: [world] }]') + cnp('ingress: [{ fromCIDR: [10.1.0.0/16] }]', 'c2', 'b'),
    'allow: C8>S tcp/80, C12>S tcp/80',
  ],
  [
    'world-ipv4',
    cnp('ingress: [{ fromEntities: [world-ipv4] }]') +
      cnp('ingress: [{ fromCIDR: [10.1.0.0/16] }]', 'c2', 'b'),
    'allow: C8>S tcp/80, C32>S tcp/80; default-deny: W6>S tcp/80',
  ],
  [
    'world-ipv6',
    cnp('ingress: [{ fromEntities: [world-ipv6] }]'),
    'allow: W6>S tcp/80; default-deny: C8>S tcp/80',
  ],
  [
    'host',
    cnp('egress: [{ toEntities: [host] }]'),
    'allow: S>H tcp/80; default-deny: S>R tcp/80, S>P tcp/80',
  ],
  [
    'remote-node',
    cnp('ingress: [{ fromEntities: [remote-node] }]'),
    'allow: R>S tcp/80, K>S tcp/80, N>S tcp/80, H>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'kube-apiserver',
    cnp('egress: [{ toEntities: [kube-apiserver] }]'),
    'allow: S>K tcp/6443, S>A tcp/6443; default-deny: S>R tcp/6443, S>C8 tcp/443',
  ],
  [
    'health',
    cnp('ingress: [{ fromEntities: [health] }]'),
    'allow: health>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'init, whose own policy has to allow it too',
    cnp('ingress: [{ fromEntities: [init] }]') +
      ccnp('egress: [{ toEntities: [all] }]', 'endpointSelector: { matchLabels: { "reserved:init": "" } }'),
    'allow: init>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'unmanaged',
    cnp('ingress: [{ fromEntities: [unmanaged] }]'),
    'allow: unmanaged>S tcp/80; default-deny: P>S tcp/80',
  ],
  [
    'ingress',
    cnp('ingress: [{ fromEntities: [ingress] }]'),
    'allow: ingress>S tcp/80; default-deny: P>S tcp/80',
  ],
  // Ranges
  [
    '0.0.0.0/0',
    cnp('ingress: [{ fromCIDR: [0.0.0.0/0] }]'),
    'allow: C8>S tcp/80, A>S tcp/80; default-deny: W6>S tcp/80, P>S tcp/80, R>S tcp/80',
  ],
  [
    'a plain address',
    cnp('ingress: [{ fromCIDR: [10.1.1.1] }]'),
    'allow: C8>S tcp/80; default-deny: C12>S tcp/80',
  ],
  [
    'a range, with a narrower one known to another policy',
    cnp('ingress: [{ fromCIDR: [10.0.0.0/8] }]') + cnp('ingress: [{ fromCIDR: [10.96.0.0/12] }]', 'c2', 'b'),
    'allow: C12>S tcp/80, C8>S tcp/80',
  ],
  [
    'an exception',
    cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.96.0.0/12] }] }]'),
    'allow: C8>S tcp/80; default-deny: C12>S tcp/80',
  ],
  [
    'an exception that is the whole range',
    cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.0.0.0/8] }] }]'),
    'default-deny: C8>S tcp/80',
  ],
  [
    'an exception, allowed by a second item',
    cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.96.0.0/12] }, { cidr: 10.96.0.0/12 }] }]'),
    'allow: C12>S tcp/80',
  ],
  [
    'a range denied inside a range allowed',
    cnp('ingress: [{ fromCIDR: [10.0.0.0/8] }], ingressDeny: [{ fromCIDR: [10.96.0.0/12] }]'),
    'allow: C8>S tcp/80; deny: C12>S tcp/80',
  ],
  [
    'a range allowed inside a range denied',
    cnp('ingress: [{ fromCIDR: [10.96.0.0/12] }], ingressDeny: [{ fromCIDR: [10.0.0.0/8] }]'),
    'deny: C12>S tcp/80, C8>S tcp/80',
  ],
  [
    'a range denied with an exception',
    cnp(
      'ingress: [{ fromEntities: [world] }], ingressDeny: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.96.0.0/12] }] }]',
    ),
    'deny: C8>S tcp/80; allow: C12>S tcp/80, C32>S tcp/80',
  ],
  [
    'a range of IPv6',
    cnp('egress: [{ toCIDR: ["2001:db8::/32"] }]'),
    'allow: S>W6 tcp/80; default-deny: S>C8 tcp/80',
  ],
  // Ports
  [
    'a port without protocol: TCP, UDP and SCTP',
    cnp(`ingress: [{ ${port('port: "80"')} }]`),
    'allow: P>S tcp/80, P>S udp/80, P>S sctp/80; default-deny: P>S icmp/8, P>S icmp/80',
  ],
  [
    'protocol ANY',
    cnp(`ingress: [{ ${port('port: "80", protocol: ANY')} }]`),
    'allow: P>S udp/80; default-deny: P>S udp/81',
  ],
  [
    'port 0 without protocol',
    cnp(`ingress: [{ ${port('port: "0"')} }]`),
    'allow: P>S udp/9, P>S tcp/9, P>S sctp/9; default-deny: P>S icmp/8, P>S gre/0',
  ],
  [
    'port 0 of a protocol',
    cnp(`ingress: [{ ${port('port: "0", protocol: UDP')} }]`),
    'allow: P>S udp/9; default-deny: P>S tcp/9',
  ],
  [
    'a range',
    cnp(`ingress: [{ ${port('port: "80", endPort: 90, protocol: TCP')} }]`),
    'allow: P>S tcp/80, P>S tcp/90; default-deny: P>S tcp/79, P>S tcp/91',
  ],
  [
    'an end below the port is ignored',
    cnp(`ingress: [{ ${port('port: "80", endPort: 70, protocol: TCP')} }]`),
    'allow: P>S tcp/80; default-deny: P>S tcp/75',
  ],
  [
    'an end with port 0 is ignored',
    cnp(`ingress: [{ ${port('port: "0", endPort: 70, protocol: TCP')} }]`),
    'allow: P>S tcp/80',
  ],
  [
    'a leading zero is octal',
    cnp(`ingress: [{ ${port('port: "010", protocol: TCP')} }]`),
    'allow: P>S tcp/8; default-deny: P>S tcp/10',
  ],
  [
    'a named port',
    cnp(`ingress: [{ ${port('port: http')} }]`),
    'allow: P>S tcp/8080; default-deny: P>S udp/8080, P>S tcp/80',
  ],
  ['a named port in upper case', cnp(`ingress: [{ ${port('port: HTTP')} }]`), 'allow: P>S tcp/8080'],
  [
    'a range that begins at a named port',
    cnp(`ingress: [{ ${port('port: http, endPort: 8082')} }]`),
    'allow: P>S tcp/8082; default-deny: P>S tcp/8083, P>S udp/8081',
  ],
  [
    'a named port on egress, of anybody who has it',
    cnp(`egress: [{ ${port('port: http')} }]`),
    'allow: S>Q tcp/8080; default-deny: S>P tcp/8080, S>C8 tcp/8080, S>Q udp/8080',
  ],
  [
    'a named port on egress, of an entity',
    cnp(`egress: [{ toEntities: [cluster], ${port('port: dns, protocol: UDP')} }]`),
    'allow: S>Q udp/53; default-deny: S>P udp/53, S>Q tcp/53',
  ],
  [
    'a named port on egress is no range',
    cnp(`egress: [{ toEndpoints: [{ matchLabels: { ${NS}: b } }], ${port('port: http, endPort: 8082')} }]`),
    'allow: S>Q tcp/8080; default-deny: S>Q tcp/8081',
  ],
  [
    'several items of toPorts',
    cnp('ingress: [{ toPorts: [{ ports: [{ port: "80" }] }, { ports: [{ port: "81" }] }] }]'),
    'allow: P>S tcp/80, P>S tcp/81; default-deny: P>S tcp/82',
  ],
  // ICMP
  [
    'an ICMP type',
    cnp('ingress: [{ icmps: [{ fields: [{ type: 8 }] }] }]'),
    'allow: P>S icmp/8, C8>S icmp/8; default-deny: P>S icmp/13, P>S tcp/8, P>S icmp6/8',
  ],
  [
    'an ICMP type by name',
    cnp('ingress: [{ icmps: [{ fields: [{ type: EchoRequest, family: IPv6 }] }] }]'),
    'allow: P>S icmp6/128; default-deny: P>S icmp/8, P>S icmp6/129',
  ],
  [
    'type 0 stands for every type',
    cnp('ingress: [{ icmps: [{ fields: [{ type: EchoReply }] }] }]'),
    'allow: P>S icmp/0, P>S icmp/8; default-deny: P>S tcp/80, P>S icmp6/128',
  ],
  [
    'peers and ICMP',
    cnp('ingress: [{ fromEndpoints: [{}], icmps: [{ fields: [{ type: "8" }] }] }]'),
    'allow: P>S icmp/8; default-deny: Q>S icmp/8, P>S tcp/8',
  ],
  // Deny
  [
    'a denied port',
    cnp(`ingress: [{ fromEndpoints: [{}] }], ingressDeny: [{ ${port('port: "80"')} }]`),
    'deny: P>S tcp/80, C8>S tcp/80; allow: P>S tcp/81; default-deny: C8>S tcp/81',
  ],
  [
    'deny all beats an allow of one pod and port',
    cnp(
      `ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }], ${port('port: "80"')} }], ingressDeny: [{ fromEntities: [all] }]`,
    ),
    'deny: P>S tcp/80, H>S tcp/80, C8>S tcp/1',
  ],
  [
    'a denied pod beats an allow of everybody',
    cnp(
      'ingress: [{ fromEntities: [all] }], ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: z } }] }]',
    ),
    'deny: P>S tcp/80; allow: Q>S tcp/80',
  ],
  [
    'a denied range of ports beats a port inside',
    cnp(
      `ingress: [{ fromEndpoints: [{}], ${port('port: "85"')} }], ingressDeny: [{ ${port('port: "80", endPort: 90, protocol: TCP')} }]`,
    ),
    'deny: P>S tcp/85; allow: P>S udp/85; default-deny: P>S tcp/91',
  ],
  [
    'a denied port inside an allowed range',
    cnp(
      `ingress: [{ ${port('port: "80", endPort: 90, protocol: TCP')} }], ingressDeny: [{ fromEndpoints: [{}], ${port('port: "85", protocol: TCP')} }]`,
    ),
    'deny: P>S tcp/85; allow: Q>S tcp/85, P>S tcp/84',
  ],
  [
    'a denied protocol',
    cnp(`ingress: [{ fromEntities: [all] }], ingressDeny: [{ ${port('port: "0", protocol: UDP')} }]`),
    'deny: P>S udp/53; allow: P>S tcp/53, P>S icmp/8',
  ],
  [
    'a deny of another policy',
    cnp('ingress: [{ fromEntities: [all] }]') +
      ccnp('ingressDeny: [{ fromEntities: [world] }]', 'endpointSelector: {}'),
    'deny: C8>S tcp/80, W6>S tcp/80, A>S tcp/80; allow: P>S tcp/80',
  ],
  [
    'a deny beats a NetworkPolicy',
    np('{ podSelector: {}, ingress: [{}] }') + cnp('ingressDeny: [{ fromEndpoints: [{}] }]'),
    'deny: P>S tcp/80; allow: Q>S tcp/80',
  ],
  [
    'only denies: they enforce too',
    cnp('ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: z } }] }]'),
    'deny: P>S tcp/80; default-deny: Q>S tcp/80',
  ],
  [
    'only denies, default deny off',
    cnp(
      'ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: z } }] }], enableDefaultDeny: { ingress: false }',
    ),
    'deny: P>S tcp/80; allow: Q>S tcp/80, C8>S tcp/80',
  ],
  ['an empty deny selects nothing, and enforces', cnp('ingressDeny: [{}]'), 'default-deny: P>S tcp/80'],
  [
    'a denied host beats that the node reaches its pods',
    cnp('ingress: [{}], ingressDeny: [{ fromEntities: [host] }]'),
    'deny: H>S tcp/80',
  ],
  [
    'egress denied',
    cnp('egress: [{ toEntities: [all] }], egressDeny: [{ toCIDR: [192.0.2.0/24] }]'),
    'deny: S>C32 tcp/80; allow: S>C8 tcp/80',
  ],
  [
    'cluster denied, a pod allowed',
    cnp(
      'ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }], ingressDeny: [{ fromEntities: [cluster] }]',
    ),
    'deny: P>S tcp/80, N>S tcp/80; default-deny: C8>S tcp/80',
  ],
  [
    'all pods denied, one allowed, cluster-wide',
    ccnp(
      'ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }], ingressDeny: [{ fromEndpoints: [{}] }]',
    ),
    'deny: P>S tcp/80, Q>S tcp/80; default-deny: M>S tcp/80',
  ],
  // Default deny
  [
    'default deny off: rules only name',
    cnp('ingress: [{ fromEndpoints: [{}] }], enableDefaultDeny: { ingress: false }'),
    'allow: P>S tcp/80, Q>S tcp/80, C8>S tcp/1',
  ],
  [
    'one rule with default deny outweighs those without',
    cnp(
      'ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }], enableDefaultDeny: { ingress: false }',
    ) + np('{ podSelector: {}, policyTypes: [Ingress] }'),
    'allow: P>S tcp/80; default-deny: Q>S tcp/80',
  ],
  [
    'default deny without rules of the direction: nothing',
    cnp('ingress: [{ fromEndpoints: [{}] }], enableDefaultDeny: { egress: true }'),
    'allow: S>Q tcp/80; default-deny: Q>S tcp/80',
  ],
  // Modes
  [
    'always, no rules: nothing passes, not even the node',
    '',
    'default-deny: P>S tcp/80, H>S tcp/80, S>C8 tcp/80',
    { mode: 'always' },
  ],
  [
    'always, with rules',
    cnp('ingress: [{ fromEndpoints: [{}] }]') +
      ccnp('egress: [{ toEntities: [all] }]', 'endpointSelector: {}'),
    'allow: P>S tcp/80, H>S tcp/80; default-deny: Q>S tcp/80, S>Q tcp/80',
    { mode: 'always' },
  ],
  [
    'never',
    cnp('ingress: [{}], ingressDeny: [{ fromEntities: [all] }]'),
    'allow: P>S tcp/80',
    { mode: 'never' },
  ],
  ['init is always enforced', '', 'default-deny: P>init tcp/80, init>C8 tcp/80, H>init tcp/80'],
  [
    'init with a rule',
    ccnp('ingress: [{ fromEntities: [host] }]', 'endpointSelector: { matchLabels: { "reserved:init": "" } }'),
    'allow: H>init tcp/80; default-deny: P>init tcp/80',
  ],
  // Services
  [
    'a service by name: its pods',
    cnp('egress: [{ toServices: [{ k8sService: { serviceName: api, namespace: b } }] }]'),
    'allow: S>Q tcp/8080; default-deny: S>Z tcp/80, S>C32 tcp/80',
  ],
  [
    'a service by its labels',
    cnp(
      'egress: [{ toServices: [{ k8sServiceSelector: { selector: { matchLabels: { public: "yes" } } } }] }]',
    ),
    'allow: S>Q tcp/8080; default-deny: S>C32 tcp/80',
  ],
  [
    'a service without selector: its addresses',
    cnp('egress: [{ toServices: [{ k8sService: { serviceName: bank, namespace: b } }] }]'),
    'allow: S>C32 tcp/443; default-deny: S>C8 tcp/443, S>Q tcp/80',
  ],
  [
    'a service that does not exist, with ports: nobody',
    cnp(
      `egress: [{ toServices: [{ k8sService: { serviceName: nobody, namespace: b } }], ${port('port: "80"')} }]`,
    ),
    'default-deny: S>C8 tcp/80, S>Q tcp/80',
  ],
  [
    'a denied service',
    cnp(
      'egress: [{ toEntities: [all] }], egressDeny: [{ toServices: [{ k8sService: { serviceName: api, namespace: b } }] }]',
    ),
    'deny: S>Q tcp/80; allow: S>Z tcp/80',
  ],
  // CIDR groups
  [
    'a group: its ranges, but for exceptions',
    cnp('egress: [{ toCIDRSet: [{ cidrGroupRef: partners, except: [203.0.113.0/24] }] }]'),
    'allow: S>C32 tcp/443, S>C8 tcp/443; default-deny: S>A tcp/443, S>Q tcp/80',
  ],
  [
    'a group that does not exist, with ports: nobody',
    cnp(`egress: [{ toCIDRSet: [{ cidrGroupRef: nobody }], ${port('port: "80"')} }]`),
    'default-deny: S>C8 tcp/80, S>C32 tcp/80, S>Q tcp/80',
  ],
  // Nodes
  [
    'other nodes by label',
    cnp('ingress: [{ fromNodes: [{ matchLabels: { zone: two } }] }]'),
    'allow: N>S tcp/80; default-deny: R>S tcp/80, P>S tcp/80',
  ],
  [
    'other nodes by another label',
    cnp('ingress: [{ fromNodes: [{ matchLabels: { "node:zone": one } }] }]'),
    'default-deny: N>S tcp/80',
  ],
  // Host firewall
  [
    'the host, by nodeSelector',
    ccnp('ingress: [{ fromEntities: [cluster] }]', 'nodeSelector: {}'),
    'default-deny: C8>H tcp/22; allow: P>H tcp/22, R>H tcp/22, C8>S tcp/80',
    { hostFirewall: true },
  ],
  [
    'the host firewall is off',
    ccnp('ingress: [{ fromEntities: [cluster] }]', 'nodeSelector: {}'),
    'allow: C8>H tcp/22',
  ],
  [
    'the host by a label',
    ccnp('ingress: [{}]', 'nodeSelector: { matchLabels: { role: edge } }'),
    'default-deny: C8>H tcp/22',
    { hostFirewall: true },
  ],
  [
    'the host by a label that it has not',
    ccnp('ingress: [{}]', 'nodeSelector: { matchLabels: { role: core } }'),
    'allow: C8>H tcp/22',
    { hostFirewall: true },
  ],
  [
    'egress of the host',
    ccnp('egressDeny: [{ toCIDR: [192.0.2.0/24] }], egress: [{ toEntities: [all] }]', 'nodeSelector: {}'),
    'deny: H>C32 tcp/80; allow: H>C8 tcp/80, S>C32 tcp/80',
    { hostFirewall: true },
  ],
];

describe('CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy', () => {
  for (const [title, policies, expected, options] of cases)
    it(title, () => check(policies, expected, options));

  it('takes every entry of specs as a rule set of its own', () => {
    const yaml = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: two, namespace: a }
specs:
- endpointSelector: { matchLabels: { app: x } }
  ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }]
- endpointSelector: { matchLabels: { app: z } }
  egress: [{ toEndpoints: [{}] }]
`;
    check(yaml, 'allow: P>S tcp/80, C8>P tcp/80, S>Q tcp/80; default-deny: Q>S tcp/80, P>C8 tcp/80');
  });
});
