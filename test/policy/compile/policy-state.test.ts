import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { entriesOf, type PolicyEntry, type PolicyEntryKey, PolicyState } from '../../../policy/index.ts';
import { cast, ccnp, cnp, np, stateWith, valid } from '../support/cast.ts';

const text = ({ direction, identity, protocol, port, prefixLength }: PolicyEntryKey): string =>
  `${direction} ${identity} ${protocol}:${port}/${prefixLength}`;
const entry = (one: PolicyEntry): string => `${text(one)} ${one.verdict} ${one.matchType}`;

/** The entries of S, sorted. */
function entriesOfS(yaml: string): string[] {
  const state = stateWith(yaml);
  return [...entriesOf(state.policyFor(cast.S.endpoint!))].map(entry).sort();
}

const port = (number: number): string => `toPorts: [{ ports: [{ port: "${number}", protocol: TCP }] }]`;
const P = 301;
const LOCALHOST = 'ingress 1 0:0/0 allow L3-Only';

describe('entries', () => {
  it('are none where no policy selects', () => assert.deepEqual(entriesOfS(''), []));

  it('name the peer, the protocol and the prefix of ports', () => {
    const rules =
      'ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }], toPorts: [{ ports: [{ port: "80", endPort: 82, protocol: UDP }] }] }]';
    assert.deepEqual(entriesOfS(cnp(rules)), [
      LOCALHOST,
      `ingress ${P} 17:80/15 allow L3-L4`,
      `ingress ${P} 17:82/16 allow L3-L4`,
    ]);
  });

  it('leave out an allow that a deny covers, in its own table and across tables', () => {
    const allow = `ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }], ${port(80)} }]`;
    assert.deepEqual(
      entriesOfS(cnp(`${allow}, ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: z } }] }]`)),
      [LOCALHOST, `ingress ${P} 0:0/0 deny L3-Only`],
    );
    assert.deepEqual(entriesOfS(cnp(`${allow}, ingressDeny: [{ ${port(80)} }]`)), [
      'ingress 0 6:80/16 deny L4-Only',
      LOCALHOST,
    ]);
  });

  it('leave out a deny that a broader one covers', () => {
    const rules = `ingressDeny: [{ fromEntities: [all] }, { ${port(80)} }, { fromEndpoints: [{}] }]`;
    assert.deepEqual(entriesOfS(cnp(rules)), ['ingress 0 0:0/0 deny all']);
  });

  it('leave out for a peer what everybody, or its class, is allowed just so', () => {
    const one = `{ fromEndpoints: [{ matchLabels: { app: z } }], ${port(80)} }`;
    assert.deepEqual(entriesOfS(cnp(`ingress: [${one}, { ${port(80)} }]`)), [
      'ingress 0 6:80/16 allow L4-Only',
      LOCALHOST,
    ]);
    const ofCluster = entriesOfS(cnp(`ingress: [${one}, { fromEntities: [cluster], ${port(80)} }]`));
    assert.ok(ofCluster.includes('ingress 11 6:80/16 allow L4-Only'));
    assert.ok(!ofCluster.some((line) => line.startsWith(`ingress ${P} `)));
  });

  it('stand under the class for all pods of the cluster, however many there are', () => {
    assert.deepEqual(
      entriesOfS(np('{ podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] }')),
      [LOCALHOST, 'ingress 11 0:0/0 allow L3-Only'],
    );
  });

  it('end in an allow of everything where default deny is off', () => {
    const rules =
      'egressDeny: [{ toEndpoints: [{ matchLabels: { app: z } }] }], enableDefaultDeny: { egress: false }';
    assert.deepEqual(entriesOfS(cnp(rules)), ['egress 0 0:0/0 allow all', `egress ${P} 0:0/0 deny L3-Only`]);
  });
});

describe('PolicyState', () => {
  const labels = (app: string): string[] => [
    `k8s:app=${app}`,
    'k8s:io.cilium.k8s.policy.cluster=default',
    'k8s:io.kubernetes.pod.namespace=a',
  ];
  const told = (state: PolicyState) =>
    state.takeChanges().map(({ policy, upserts, deletes }) => ({
      policy,
      upserts: [...upserts].map(entry),
      deletes: [...deletes].map(text),
    }));

  function started(): PolicyState {
    const state = new PolicyState({ clusterName: 'default', clusterId: 0 });
    state.update({
      policies: valid(cnp('ingress: [{ fromEndpoints: [{ matchLabels: { app: z } }] }]')),
      endpoints: [
        { key: 'one', labels: labels('x') },
        { key: 'two', labels: labels('x') },
        { key: 'other', labels: labels('y') },
      ],
    });
    return state;
  }

  it('shares one policy among endpoints of the same labels and ports', () => {
    const state = started();
    assert.equal(state.policyOf('one'), state.policyOf('two'));
    assert.notEqual(state.policyOf('one'), state.policyOf('other'));
    state.update({
      endpoints: [{ key: 'two', labels: labels('x'), namedPorts: [{ name: 'http', protocol: 6, port: 80 }] }],
    });
    assert.notEqual(state.policyOf('one'), state.policyOf('two'));
    state.update({ removedEndpoints: ['one'] });
    assert.equal(state.policyOf('one'), undefined);
  });

  it('tells all entries of a policy at first, then only what changed', () => {
    const state = started();
    const first = told(state).filter(({ upserts }) => upserts.length > 0);
    assert.deepEqual(first, [{ policy: state.policyOf('one'), upserts: [LOCALHOST], deletes: [] }]);
    state.update({
      identities: [
        { id: 400, labels: labels('z') },
        { id: 401, labels: labels('q') },
      ],
    });
    assert.deepEqual(told(state), [
      { policy: state.policyOf('one'), upserts: ['ingress 400 0:0/0 allow L3-Only'], deletes: [] },
    ]);
    state.update({ identities: [{ id: 400, labels: labels('q') }] });
    assert.deepEqual(told(state), [
      { policy: state.policyOf('one'), upserts: [], deletes: ['ingress 400 0:0/0'] },
    ]);
    state.update({ policies: valid(cnp('ingress: [{}]', 'unrelated', 'b')) });
    assert.deepEqual(told(state), []);
  });

  it('gives every range that policies speak of an identity, and takes it back with the last', () => {
    const state = started();
    const ranges = () => [...state.cidrs.entries()].map(([cidr]) => cidr).sort();
    const one = valid(
      cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.96.0.0/12] }] }]', 'one'),
    );
    const two = valid(ccnp('ingress: [{ fromCIDR: [10.0.0.0/8, 0.0.0.0/0] }]'));
    state.update({ policies: [...one, ...two] });
    assert.deepEqual(ranges(), ['10.0.0.0/8', '10.96.0.0/12']);
    const before = new Map(state.cidrs.entries()).get('10.0.0.0/8');
    state.update({ removedPolicies: ['CiliumNetworkPolicy/a/one'] });
    assert.deepEqual(ranges(), ['10.0.0.0/8']);
    assert.equal(new Map(state.cidrs.entries()).get('10.0.0.0/8'), before);
    state.update({ removedPolicies: ['CiliumClusterwideNetworkPolicy//ccnp'] });
    assert.deepEqual(ranges(), []);
    assert.deepEqual([...entriesOf(state.policyOf('one')!)].map(entry), [LOCALHOST]);
  });

  it('follows services that come and go', () => {
    const state = stateWith(
      cnp('egress: [{ toServices: [{ k8sService: { serviceName: late, namespace: b } }] }]'),
    );
    const reaches = () => [...entriesOf(state.policyFor(cast.S.endpoint!))].map(({ identity }) => identity);
    assert.deepEqual(reaches(), []);
    const service = { namespace: 'b', name: 'late', labels: {}, selector: { app: 'y' }, addresses: [] };
    state.update({ services: [service] });
    assert.deepEqual(reaches(), [302]);
    state.update({ removedServices: ['b/late'] });
    assert.deepEqual(reaches(), []);
  });

  it('skips a named port that pods of one identity number differently', () => {
    const state = stateWith(
      cnp('egress: [{ toEndpoints: [{ matchLabels: { app: z } }], toPorts: [{ ports: [{ port: http }] }] }]'),
    );
    const ports = () => [...entriesOf(state.policyFor(cast.S.endpoint!))].map(({ port }) => port);
    const http = (port: number) => ({ name: 'http', protocol: 6, port });
    const { labels } = cast.P.endpoint!;
    state.update({ identities: [{ id: P, labels, namedPorts: [http(80)] }] });
    assert.deepEqual(ports(), [80]);
    state.update({ identities: [{ id: P, labels, namedPorts: [http(80), http(81)] }] });
    assert.deepEqual(ports(), []);
  });
});
