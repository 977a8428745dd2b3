/** A fixed cast for tables of cases, and a way to write a case in a line. */
import assert from 'node:assert/strict';
import {
  formatPolicyProblem,
  identityOfOutside,
  type NamedPort,
  parsePolicies,
  type Policy,
  type PolicyOptions,
  PolicyState,
  tracePolicy,
  type TraceEnd,
} from '../../../policy/index.ts';

const LOCAL = 'default';

function pod(
  identity: number,
  namespace: string,
  app: string,
  more: readonly string[] = [],
  cluster = LOCAL,
): TraceEnd {
  const labels = [
    `k8s:app=${app}`,
    `k8s:io.kubernetes.pod.namespace=${namespace}`,
    `k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=${namespace}`,
    `k8s:io.cilium.k8s.policy.cluster=${cluster}`,
    ...(namespace === 'b' ? ['k8s:io.cilium.k8s.namespace.labels.env=prod'] : []),
    ...more,
  ].sort();
  return { identity, endpoint: cluster === LOCAL ? { labels, namedPorts: portsOf(app) } : null };
}

/** x serves http on 8080, y on 8080 too, and dns on 53 UDP. */
function portsOf(app: string): NamedPort[] {
  if (app === 'x') return [{ name: 'http', protocol: 6, port: 8080 }];
  if (app !== 'y') return [];
  return [
    { name: 'http', protocol: 6, port: 8080 },
    { name: 'dns', protocol: 17, port: 53 },
  ];
}

const reserved = (identity: number): TraceEnd => ({ identity, endpoint: null });

/** Labels of pods of another cluster, which have no policy here. */
const meshLabels = [
  'k8s:app=z',
  'k8s:io.cilium.k8s.policy.cluster=other',
  'k8s:io.kubernetes.pod.namespace=a',
];

/** By the names that cases use: S, the pod that policies select, and who talks to it. */
export const cast = {
  /** Namespace a, app x. */
  S: pod(300, 'a', 'x', ['k8s:tier=web']),
  /** Namespace a, app z. */
  P: pod(301, 'a', 'z'),
  /** Namespace b (env=prod), app y. */
  Q: pod(302, 'b', 'y'),
  /** Namespace b, app z. */
  Z: pod(303, 'b', 'z'),
  /** Namespace a of another cluster, app z. */
  M: { identity: (5 << 16) + 300, endpoint: null } as TraceEnd,
  H: { identity: 1, endpoint: { labels: ['k8s:role=edge', 'reserved:host'], isHost: true } } as TraceEnd,
  R: reserved(6),
  /** The node that runs the API server. */
  K: reserved(7),
  unmanaged: reserved(3),
  health: { identity: 4, endpoint: { labels: ['reserved:health'] } } as TraceEnd,
  init: { identity: 5, endpoint: { labels: ['reserved:init'] } } as TraceEnd,
  ingress: reserved(8),
  /** Another node with an identity of its own, in zone two. */
  N: reserved((2 << 24) + 9),
  /** An API server outside, 203.0.113.9. */
  A: reserved((1 << 24) + 12_345),
} as const satisfies Readonly<Record<string, TraceEnd>>;

/** Somebody outside, by address. */
const outside: Readonly<Record<string, string>> = {
  C8: '10.1.1.1',
  C12: '10.97.0.1',
  C32: '192.0.2.1',
  W6: '2001:db8::1',
};

const protocolNumbers: Readonly<Record<string, number>> = {
  tcp: 6,
  udp: 17,
  sctp: 132,
  icmp: 1,
  icmp6: 58,
  gre: 47,
};

/** Reads policies that have to be valid. */
export function valid(yaml: string): readonly Policy[] {
  const { policies, problems } = parsePolicies(yaml, 'policy.yaml');
  assert.deepEqual(problems.map(formatPolicyProblem), []);
  return policies;
}

/** A state with the cast and policies in force. */
export function stateWith(yaml: string, options: Partial<PolicyOptions> = {}): PolicyState {
  const state = new PolicyState({ clusterName: LOCAL, clusterId: 0, ...options });
  const pods = [cast.S, cast.P, cast.Q, cast.Z].map(({ identity, endpoint }) => ({
    id: identity,
    labels: endpoint!.labels,
    namedPorts: endpoint!.namedPorts ?? [],
  }));
  state.update({
    policies: valid(yaml),
    identities: [
      ...pods,
      { id: cast.M.identity, labels: meshLabels },
      {
        id: cast.N.identity,
        labels: ['k8s:io.cilium.k8s.policy.cluster=default', 'node:zone=two', 'reserved:remote-node'],
      },
      {
        id: cast.A.identity,
        labels: ['cidr:203.0.113.9/32', 'reserved:kube-apiserver', 'reserved:world-ipv4'],
      },
    ],
    services: [
      { namespace: 'b', name: 'api', labels: { public: 'yes' }, selector: { app: 'y' }, addresses: [] },
      { namespace: 'b', name: 'bank', labels: {}, selector: {}, addresses: ['192.0.2.1'] },
    ],
    cidrGroups: [{ name: 'partners', cidrs: ['10.0.0.0/8', '192.0.2.1/32', '203.0.113.9/32'] }],
  });
  return state;
}

function endOf(state: PolicyState, name: string): TraceEnd {
  if (Object.hasOwn(outside, name))
    return { identity: identityOfOutside(state, outside[name])!, endpoint: null };
  assert.ok(Object.hasOwn(cast, name), `nobody is called ${name}`);
  return cast[name as keyof typeof cast];
}

/**
 * Asks one question, `P>S tcp/80`, and gives the verdict with the reason of each end that has a policy, as `allow`, `deny` (a rule says so) or `default-deny`.
 */
export function ask(
  state: PolicyState,
  question: string,
): { verdict: string; matchType: string; rules: string[] } {
  const [, from, to, protocol, port] = /^(\w+)>(\w+) (\w+)\/(\d+)$/.exec(question) ?? [];
  assert.ok(port !== undefined && Object.hasOwn(protocolNumbers, protocol), `cannot read ${question}`);
  const trace = tracePolicy(
    state,
    endOf(state, from),
    endOf(state, to),
    Number(port),
    protocolNumbers[protocol],
  );
  const ends = [trace.egress, trace.ingress].filter((end) => end !== null);
  const decisive = ends.find(({ verdict }) => verdict !== 'allow') ?? ends.find((end) => end.isPoliced);
  return {
    verdict: decisive?.verdict ?? 'allow',
    matchType: decisive?.matchType ?? 'none',
    rules:
      decisive?.rules.map(({ name, path, labels }) => (path === '' ? labels.join() : `${name} ${path}`)) ??
      [],
  };
}

/** A case of a table: what is written, and what follows: `allow: P>S tcp/80, Q>S tcp/80; deny: …`. */
export function check(yaml: string, expected: string, options: Partial<PolicyOptions> = {}): void {
  const state = stateWith(yaml, options);
  for (const part of expected.split(';')) {
    const [verdict, questions] = part.split(':').map((text) => text.trim());
    for (const question of questions.split(',').map((text) => text.trim())) {
      assert.equal(ask(state, question).verdict, verdict, question);
    }
  }
}

/** A NetworkPolicy in namespace a, of its spec in flow style. */
export function np(spec: string, name = 'np', namespace = 'a'): string {
  return `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
}

/** A CiliumNetworkPolicy in namespace a for app x, of its rule lists in flow style. */
export function cnp(
  rules: string,
  name = 'cnp',
  namespace = 'a',
  subject = 'matchLabels: { app: x }',
): string {
  return `---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { endpointSelector: { ${subject} }, ${rules} }\n`;
}

/** A CiliumClusterwideNetworkPolicy for `subject`, such as `endpointSelector: {}`. */
export function ccnp(
  rules: string,
  subject = 'endpointSelector: { matchLabels: { app: x } }',
  name = 'ccnp',
): string {
  return `---\napiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: { name: ${name} }\nspec: { ${subject}, ${rules} }\n`;
}
