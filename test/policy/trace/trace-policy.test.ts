import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identityOfOutside, tracePolicy } from '../../../policy/index.ts';
import { ask, cast, ccnp, cnp, np, stateWith } from '../support/cast.ts';

/** What a flow says about who decided: match type and rules. */
const cases: readonly (readonly [
  title: string,
  policies: string,
  question: string,
  matchType: string,
  rules: readonly string[],
])[] = [
  [
    'a pod and a port',
    cnp('ingress: [{ fromEndpoints: [{}], toPorts: [{ ports: [{ port: "80" }] }] }]'),
    'P>S tcp/80',
    'L3-L4',
    ['cnp spec.ingress[0]'],
  ],
  [
    'a pod, whatever port',
    cnp('ingress: [{ fromEndpoints: [{}] }]'),
    'P>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'a pod and a protocol',
    np('{ podSelector: {}, ingress: [{ from: [{ podSelector: {} }], ports: [{}] }] }'),
    'P>S tcp/80',
    'L3-Proto',
    ['np spec.ingress[0]'],
  ],
  [
    'anybody and a port',
    cnp('ingress: [{ toPorts: [{ ports: [{ port: "80" }] }] }]'),
    'P>S tcp/80',
    'L4-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'anybody and a range of ports',
    np('{ podSelector: {}, ingress: [{ ports: [{ port: 80, endPort: 90 }] }] }'),
    'P>S tcp/88',
    'L4-Only',
    ['np spec.ingress[0]'],
  ],
  [
    'anybody and a protocol',
    np('{ podSelector: {}, ingress: [{ ports: [{}] }] }'),
    'P>S tcp/80',
    'Proto-Only',
    ['np spec.ingress[0]'],
  ],
  ['anybody', np('{ podSelector: {}, ingress: [{}] }'), 'P>S tcp/80', 'all', ['np spec.ingress[0]']],
  ['entity all', cnp('ingress: [{ fromEntities: [all] }]'), 'P>S tcp/80', 'all', ['cnp spec.ingress[0]']],
  [
    'entity cluster reaches pods as a class',
    cnp('ingress: [{ fromEntities: [cluster] }]'),
    'P>S tcp/80',
    'all',
    ['cnp spec.ingress[0]'],
  ],
  [
    'entity cluster reaches nodes one by one',
    cnp('ingress: [{ fromEntities: [cluster] }]'),
    'R>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'entity world reaches ranges as a class',
    cnp('ingress: [{ fromEntities: [world] }]') + cnp('ingress: [{ fromCIDR: [10.0.0.0/8] }]', 'c2', 'b'),
    'C8>S tcp/80',
    'all',
    ['cnp spec.ingress[0]'],
  ],
  [
    'entity world reaches the plain world itself',
    cnp('ingress: [{ fromEntities: [world] }]'),
    'C8>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'a range',
    cnp('ingress: [{ fromCIDR: [10.0.0.0/8] }]'),
    'C8>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'all of IPv4',
    cnp('ingress: [{ fromCIDR: [0.0.0.0/0] }]'),
    'C8>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'all pods of the cluster, which stand under their class',
    np('{ podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] }'),
    'Q>S tcp/80',
    'L3-Only',
    ['np spec.ingress[0]'],
  ],
  [
    'an ICMP type',
    cnp('ingress: [{ fromEndpoints: [{}], icmps: [{ fields: [{ type: 8 }] }] }]'),
    'P>S icmp/8',
    'L3-L4',
    ['cnp spec.ingress[0]'],
  ],
  ['default deny names nobody', cnp('ingress: [{ fromEndpoints: [{}] }]'), 'Q>S tcp/80', 'none', []],
  ['no policy: not even a verdict', '', 'P>S tcp/80', 'none', []],
  [
    'the node reaches its pods',
    cnp('ingress: [{}]'),
    'H>S tcp/80',
    'L3-Only',
    ['reserved:io.cilium.policy.derived-from=allow-localhost-ingress'],
  ],
  [
    'a rule for the host is named before that',
    cnp('ingress: [{ fromEntities: [host] }]'),
    'H>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'default deny off, unmatched',
    cnp('ingress: [{ fromEndpoints: [{}] }], enableDefaultDeny: { ingress: false }'),
    'Q>S tcp/80',
    'all',
    ['reserved:io.cilium.policy.derived-from=allow-any-ingress'],
  ],
  [
    'default deny off, matched',
    cnp('ingress: [{ fromEndpoints: [{}] }], enableDefaultDeny: { ingress: false }'),
    'P>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'default deny off, egress',
    cnp('egress: [{ toEndpoints: [{}] }], enableDefaultDeny: { egress: false }'),
    'S>Q tcp/80',
    'all',
    ['reserved:io.cilium.policy.derived-from=allow-any-egress'],
  ],
  // Several rules
  [
    'rules that say the same are all named',
    cnp('ingress: [{ fromEndpoints: [{}] }, { fromEndpoints: [{ matchLabels: { app: z } }] }]') +
      np('{ podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }'),
    'P>S tcp/80',
    'L3-Only',
    ['cnp spec.ingress[0]', 'cnp spec.ingress[1]', 'np spec.ingress[0]'],
  ],
  [
    'at a port, the rule of the port',
    cnp(
      'ingress: [{ fromEndpoints: [{}] }, { fromEndpoints: [{}], toPorts: [{ ports: [{ port: "80" }] }] }]',
    ),
    'P>S tcp/80',
    'L3-L4',
    ['cnp spec.ingress[1]'],
  ],
  [
    'at another port, the other',
    cnp(
      'ingress: [{ fromEndpoints: [{}] }, { fromEndpoints: [{}], toPorts: [{ ports: [{ port: "80" }] }] }]',
    ),
    'P>S tcp/81',
    'L3-Only',
    ['cnp spec.ingress[0]'],
  ],
  [
    'an allow and a deny: the deny',
    cnp('ingress: [{ fromEndpoints: [{}] }], ingressDeny: [{ fromEndpoints: [{}] }]'),
    'P>S tcp/80',
    'L3-Only',
    ['cnp spec.ingressDeny[0]'],
  ],
  [
    'a broad deny covers a narrow one',
    cnp(
      'ingressDeny: [{ fromEndpoints: [{}] }, { fromEndpoints: [{}], toPorts: [{ ports: [{ port: "80" }] }] }]',
    ),
    'P>S tcp/80',
    'L3-Only',
    ['cnp spec.ingressDeny[0]'],
  ],
  [
    'the same for everybody and for a pod: everybody',
    cnp('ingress: [{ fromEndpoints: [{}] }, { fromEntities: [all] }]'),
    'P>S tcp/80',
    'all',
    ['cnp spec.ingress[1]'],
  ],
  [
    'a port for everybody, all ports for a pod: the port',
    cnp('ingress: [{ fromEndpoints: [{}] }, { toPorts: [{ ports: [{ port: "80" }] }] }]'),
    'P>S tcp/80',
    'L4-Only',
    ['cnp spec.ingress[1]'],
  ],
  [
    'a port for a pod, all ports for everybody: the port',
    cnp(
      'ingress: [{ fromEntities: [all] }, { fromEndpoints: [{}], toPorts: [{ ports: [{ port: "80" }] }] }]',
    ),
    'P>S tcp/80',
    'L3-L4',
    ['cnp spec.ingress[1]'],
  ],
  [
    'all pods by label, and one of them by its own: both',
    ccnp('ingress: [{ fromEndpoints: [{}] }, { fromEndpoints: [{ matchLabels: { app: z } }] }]'),
    'P>S tcp/80',
    'L3-Only',
    ['ccnp spec.ingress[0]', 'ccnp spec.ingress[1]'],
  ],
  [
    'all pods by label and as the cluster: the cluster',
    ccnp('ingress: [{ fromEndpoints: [{}] }, { fromEntities: [cluster] }]'),
    'P>S tcp/80',
    'all',
    ['ccnp spec.ingress[1]'],
  ],
  [
    'a pod by label and as part of the cluster: the cluster',
    cnp('ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }, { fromEntities: [cluster] }]'),
    'P>S tcp/80',
    'all',
    ['cnp spec.ingress[1]'],
  ],
];

describe('tracePolicy()', () => {
  for (const [title, policies, question, matchType, rules] of cases) {
    it(`says who decided: ${title}`, () => {
      const found = ask(stateWith(policies), question);
      assert.deepEqual({ matchType: found.matchType, rules: found.rules }, { matchType, rules });
    });
  }

  it('asks both ends, and denies if either does', () => {
    const state = stateWith(
      cnp('egress: [{ toEndpoints: [{ matchLabels: { app: z } }] }]') +
        np('{ podSelector: { matchLabels: { app: z } }, policyTypes: [Ingress] }'),
    );
    const { verdict, egress, ingress } = tracePolicy(state, cast.S, cast.P, 80, 6);
    assert.equal(verdict, 'deny');
    assert.equal(egress?.verdict, 'allow');
    assert.deepEqual(
      egress?.rules.map(({ kind, namespace, name, path }) => ({ kind, namespace, name, path })),
      [{ kind: 'CiliumNetworkPolicy', namespace: 'a', name: 'cnp', path: 'spec.egress[0]' }],
    );
    assert.equal(ingress?.verdict, 'default-deny');
    assert.deepEqual(ingress?.rules, []);
  });

  it('has nothing to ask where no policy can be: outside', () => {
    const { egress, ingress } = tracePolicy(stateWith(''), { identity: 9, endpoint: null }, cast.S, 80, 6);
    assert.equal(egress, null);
    assert.equal(ingress?.isPoliced, false);
  });

  it('names rules by the labels that say where they come from', () => {
    const yaml = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: web, namespace: a, uid: 0-1-2 }
spec:
  endpointSelector: {}
  labels: [{ key: team, value: blue }, { key: audited, source: ci }]
  log: { value: seen }
  ingress: [{ fromEndpoints: [{}] }]
`;
    const { ingress } = tracePolicy(stateWith(yaml), cast.P, cast.S, 80, 6);
    assert.deepEqual(ingress?.rules[0], {
      kind: 'CiliumNetworkPolicy',
      namespace: 'a',
      name: 'web',
      labels: [
        'ci:audited',
        'k8s:io.cilium.k8s.policy.derived-from=CiliumNetworkPolicy',
        'k8s:io.cilium.k8s.policy.name=web',
        'k8s:io.cilium.k8s.policy.namespace=a',
        'k8s:io.cilium.k8s.policy.uid=0-1-2',
        'unspec:team=blue',
      ],
      log: 'seen',
      direction: 'ingress',
      isDeny: false,
      path: 'spec.ingress[0]',
    });
  });
});

describe('identityOfOutside()', () => {
  it('is that of the longest range that a policy speaks of, else the world of its family', () => {
    const state = stateWith(
      cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.96.0.0/12] }] }]'),
    );
    const ranges = new Map([...state.cidrs.entries()].map(([cidr, { id }]) => [cidr, id]));
    assert.equal(identityOfOutside(state, '10.1.1.1'), ranges.get('10.0.0.0/8'));
    assert.equal(identityOfOutside(state, '10.97.0.1'), ranges.get('10.96.0.0/12'));
    assert.equal(identityOfOutside(state, '192.0.2.1'), 9);
    assert.equal(identityOfOutside(state, '2001:db8::1'), 10);
    assert.equal(identityOfOutside(state, 'example.org'), null);
  });
});
