import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatPolicyProblem, MAX_POLICY_TEXT, parsePolicies } from '../../../policy/index.ts';
import { ccnp, cnp, np, valid } from '../support/cast.ts';
import { policies as policyObjects } from '../support/policy-arbitrary.ts';

function problemsOf(text: string): string[] {
  const { policies, problems } = parsePolicies(text, 'p.yaml');
  if (problems.length > 0) assert.equal(policies.length, 0, 'a policy with a problem is not returned');
  return problems.map(({ field, message }) => {
    assert.ok(field === '' || message.startsWith(field), `"${message}" begins with "${field}"`);
    return message;
  });
}

const manyPorts = (count: number): string =>
  Array.from({ length: count }, (_, i) => `{ port: "${i + 1}" }`).join(', ');
const port = (text: string): string => cnp(`ingress: [{ toPorts: [{ ports: [${text}] }] }]`);
const icmp = (text: string): string => cnp(`ingress: [{ icmps: [{ fields: [${text}] }] }]`);
const npPort = (text: string): string => np(`{ podSelector: {}, ingress: [{ ports: [${text}] }] }`);
const npPeer = (text: string): string => np(`{ podSelector: {}, ingress: [{ from: [${text}] }] }`);
const select = (text: string): string => cnp(`ingress: [{ fromEndpoints: [${text}] }]`);

const invalid: readonly (readonly [title: string, text: string, ...messages: (string | RegExp)[]])[] = [
  // Not supported yet: never half-applied
  [
    'HTTP rules',
    cnp('ingress: [{ toPorts: [{ ports: [{ port: "80" }], rules: { http: [{}] } }] }]'),
    'spec.ingress[0].toPorts[0].rules is not supported by this version',
  ],
  [
    'DNS names',
    cnp('egress: [{ toFQDNs: [{ matchName: example.org }] }]'),
    'spec.egress[0].toFQDNs is not supported by this version',
  ],
  [
    'authentication',
    cnp('ingress: [{ fromEndpoints: [{}], authentication: { mode: required } }]'),
    'spec.ingress[0].authentication is not supported by this version',
  ],
  [
    'groups',
    cnp('egress: [{ toGroups: [{ aws: {} }] }]'),
    'spec.egress[0].toGroups is not supported by this version',
  ],
  [
    'server names',
    cnp('egress: [{ toPorts: [{ ports: [{ port: "443" }], serverNames: [a.b] }] }]'),
    'spec.egress[0].toPorts[0].serverNames is not supported by this version',
  ],
  [
    'TLS',
    cnp(
      'egress: [{ toPorts: [{ ports: [{ port: "443" }], terminatingTLS: { secret: { name: x } }, originatingTLS: { secret: { name: x } } }] }]',
    ),
    'spec.egress[0].toPorts[0].terminatingTLS is not supported by this version',
    'spec.egress[0].toPorts[0].originatingTLS is not supported by this version',
  ],
  [
    'a listener',
    cnp('ingress: [{ toPorts: [{ ports: [{ port: "80" }], listener: { name: x } }] }]'),
    'spec.ingress[0].toPorts[0].listener is not supported by this version',
  ],
  [
    'groups of ranges by their labels',
    cnp('ingress: [{ fromCIDRSet: [{ cidrGroupSelector: { matchLabels: { a: b } } }] }]'),
    'spec.ingress[0].fromCIDRSet[0].cidrGroupSelector is not supported by this version',
  ],
  [
    'a group beside a range',
    cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, cidrGroupRef: x }] }]'),
    'spec.ingress[0].fromCIDRSet[0].cidrGroupRef stands beside cidr: exactly one of cidr and cidrGroupRef is expected',
  ],
  [
    'fromRequires',
    cnp('ingress: [{ fromEndpoints: [{}], fromRequires: [{}] }]'),
    'spec.ingress[0].fromRequires is not supported by this version',
  ],
  [
    'another protocol',
    port('{ port: "0", protocol: GRE }'),
    'spec.ingress[0].toPorts[0].ports[0].protocol is GRE, which this version does not support: expected TCP, UDP, SCTP or ANY',
  ],
  // Unknown fields
  ['an unknown field of a spec', cnp('ingress: [{}], ingres: []'), 'spec.ingres is no field of this kind'],
  [
    'an unknown field of an entry',
    cnp('ingress: [{ toEndpoints: [{}] }]'),
    'spec.ingress[0].toEndpoints is no field of this kind',
  ],
  [
    'an unknown field of a port',
    port('{ port: "80", ports: 1 }'),
    'spec.ingress[0].toPorts[0].ports[0].ports is no field of this kind',
  ],
  [
    'an unknown field of a NetworkPolicy',
    np('{ podSelector: {}, ingressDeny: [] }'),
    'spec.ingressDeny is no field of this kind',
  ],
  [
    'an unknown field of a peer',
    npPeer('{ podSelectors: {}, podSelector: {} }'),
    'spec.ingress[0].from[0].podSelectors is no field of this kind',
  ],
  [
    'an unknown field of a selector',
    select('{ matchLabel: { a: b } }'),
    'spec.ingress[0].fromEndpoints[0].matchLabel is no field of this kind',
  ],
  [
    'L7 in a deny rule',
    cnp('ingressDeny: [{ toPorts: [{ ports: [{ port: "80" }], rules: { http: [{}] } }] }]'),
    'spec.ingressDeny[0].toPorts[0].rules is not supported by this version',
  ],
  [
    'DNS names in a deny rule',
    cnp('egressDeny: [{ toFQDNs: [{ matchName: a.b }] }]'),
    'spec.egressDeny[0].toFQDNs is no field of this kind',
  ],
  [
    'toServices on ingress',
    cnp('ingress: [{ fromServices: [{}] }]'),
    'spec.ingress[0].fromServices is no field of this kind',
  ],
  // Rules of Cilium
  [
    'no rule at all',
    cnp('ingress: []'),
    'spec has no rule: expected at least one in ingress, ingressDeny, egress, egressDeny',
  ],
  [
    'no subject',
    'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: n }\nspec: { ingress: [{}] }',
    'spec.endpointSelector is missing: expected endpointSelector',
  ],
  [
    'nodeSelector in a namespace',
    'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: n }\nspec: { nodeSelector: {}, ingress: [{}] }',
    'spec.nodeSelector is for CiliumClusterwideNetworkPolicy: nodes have no namespace',
  ],
  [
    'two subjects',
    ccnp('ingress: [{}]', 'endpointSelector: {}, nodeSelector: {}'),
    'spec.nodeSelector stands beside endpointSelector: expected one of the two',
  ],
  [
    'no spec',
    'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: n }',
    'spec is missing: expected spec or specs',
  ],
  [
    'one bad entry of specs',
    'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: n }\nspecs:\n- { endpointSelector: {}, ingress: [{}] }\n- { endpointSelector: {}, ingress: [{ fromEntities: [x] }] }',
    /^specs\[1\]\.ingress\[0\]\.fromEntities\[0\] is "x": expected one of all, world/,
  ],
  [
    'two kinds of peers',
    cnp('ingress: [{ fromEndpoints: [{}], fromCIDR: [10.0.0.0/8] }]'),
    'spec.ingress[0].fromCIDR stands beside fromEndpoints: combining fromEndpoints and fromCIDR is not supported',
  ],
  [
    'ports and ICMP',
    cnp('ingress: [{ toPorts: [{ ports: [{ port: "80" }] }], icmps: [{ fields: [{ type: 8 }] }] }]'),
    'spec.ingress[0].icmps stands beside toPorts: an entry has one of the two',
  ],
  [
    'too many ports',
    port(manyPorts(41)),
    'spec.ingress[0].toPorts[0].ports has 41 entries: expected at most 40',
  ],
  [
    'no port',
    port('{ protocol: TCP }'),
    'spec.ingress[0].toPorts[0].ports[0].port is missing: expected a string',
  ],
  [
    'a port that is no string',
    port('{ port: 80 }'),
    'spec.ingress[0].toPorts[0].ports[0].port is the number 80: expected a string (in quotes: "80")',
  ],
  [
    'a port that is too large',
    port('{ port: "65536" }'),
    'spec.ingress[0].toPorts[0].ports[0].port is "65536": expected a number from 0 to 65535 in quotes, or a port name of 1 to 15 letters, digits and single inner dashes',
  ],
  ['a port that is no name', port('{ port: "http--x" }'), /ports\[0\]\.port is "http--x": expected a number/],
  [
    'a protocol that there is not',
    port('{ port: "80", protocol: ICMP }'),
    'spec.ingress[0].toPorts[0].ports[0].protocol is "ICMP": expected TCP, UDP, SCTP or ANY',
  ],
  [
    'an end that is too large',
    port('{ port: "80", endPort: 70000 }'),
    'spec.ingress[0].toPorts[0].ports[0].endPort is the number 70000: expected a whole number from 0 to 65535',
  ],
  [
    'an ICMP family',
    icmp('{ family: IPv5, type: 8 }'),
    'spec.ingress[0].icmps[0].fields[0].family is "IPv5": expected IPv4 or IPv6',
  ],
  [
    'an ICMP type of the other family',
    icmp('{ type: PacketTooBig }'),
    'spec.ingress[0].icmps[0].fields[0].type is "PacketTooBig": expected a number from 0 to 255 or the name of an ICMP type of IPv4',
  ],
  [
    'an ICMP type that is too large',
    icmp('{ type: 256 }'),
    /type is the number 256: expected a number from 0 to 255/,
  ],
  ['no ICMP type', icmp('{ family: IPv4 }'), /type is absent: expected a number from 0 to 255/],
  [
    'an unknown entity',
    cnp('ingress: [{ fromEntities: [worlds] }]'),
    /fromEntities\[0\] is "worlds": expected one of all, world, world-ipv4/,
  ],
  [
    'no range',
    cnp('ingress: [{ fromCIDR: [10.0.0.0/33] }]'),
    'spec.ingress[0].fromCIDR[0] is "10.0.0.0/33": expected a range such as 10.0.0.0/8 or fd00::/8, or an address',
  ],
  [
    'an address where a range has to be',
    cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.1 }] }]'),
    'spec.ingress[0].fromCIDRSet[0].cidr is "10.0.0.1": expected a range such as 10.0.0.0/8 or fd00::/8',
  ],
  [
    'an exception outside',
    cnp('ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [11.0.0.0/16] }] }]'),
    'spec.ingress[0].fromCIDRSet[0].except[0] is 11.0.0.0/16, which is not inside 10.0.0.0/8',
  ],
  [
    'an exception of the other family',
    cnp('ingress: [{ fromCIDRSet: [{ cidr: 0.0.0.0/0, except: ["fd00::/8"] }] }]'),
    /except\[0\] is fd00::\/8, which is not inside/,
  ],
  [
    'a service twice over',
    cnp(
      'egress: [{ toServices: [{ k8sService: { serviceName: x }, k8sServiceSelector: { selector: {} } }] }]',
    ),
    'spec.egress[0].toServices[0] has to hold one of k8sService and k8sServiceSelector',
  ],
  [
    'a service without name',
    cnp('egress: [{ toServices: [{ k8sService: { namespace: x } }] }]'),
    'spec.egress[0].toServices[0].k8sService.serviceName is missing: expected a string',
  ],
  [
    'default deny that is no boolean',
    cnp('ingress: [{}], enableDefaultDeny: { ingress: "no" }'),
    'spec.enableDefaultDeny.ingress is "no": expected true or false',
  ],
  [
    'a long log text',
    cnp(`ingress: [{}], log: { value: ${'x'.repeat(33)} }`),
    /^spec\.log\.value is "x+": expected at most 32 printable characters$/,
  ],
  [
    'a list that is none',
    cnp('ingress: {}'),
    'spec.ingress is a mapping: expected a list',
    /^spec has no rule/,
  ],
  ['an entry that is none', cnp('ingress: [x]'), 'spec.ingress[0] is "x": expected a mapping'],
  // Selectors
  [
    'an operator that there is not',
    select('{ matchExpressions: [{ key: a, operator: Gt, values: ["1"] }] }'),
    'spec.ingress[0].fromEndpoints[0].matchExpressions[0].operator is "Gt": expected one of In, NotIn, Exists, DoesNotExist',
  ],
  [
    'In without values',
    select('{ matchExpressions: [{ key: a, operator: In }] }'),
    /values is empty: operator In needs at least one value$/,
  ],
  [
    'Exists with values',
    select('{ matchExpressions: [{ key: a, operator: Exists, values: [x] }] }'),
    /values holds values: operator Exists takes none$/,
  ],
  [
    'a key with two sources',
    select('{ matchLabels: { "a:b:c": d } }'),
    /matchLabels\["a:b:c"\] is "d": expected a label key/,
  ],
  [
    'a key that is none',
    select('{ matchExpressions: [{ key: "a b", operator: Exists }] }'),
    /key is "a b": expected a label key/,
  ],
  [
    'a value that is none',
    select('{ matchLabels: { a: "b c" } }'),
    /matchLabels\.a is "b c": expected a label value/,
  ],
  [
    'a source in a NetworkPolicy',
    np('{ podSelector: { matchLabels: { "k8s:app": x } } }'),
    /podSelector\.matchLabels\["k8s:app"\] is "x": expected a label key/,
  ],
  // Rules of Kubernetes
  [
    'port 0',
    npPort('{ port: 0 }'),
    'spec.ingress[0].ports[0].port is the number 0: expected a whole number from 1 to 65535',
  ],
  [
    'a name of digits',
    npPort('{ port: "80" }'),
    /port is "80": expected a number from 1 to 65535, or a port name/,
  ],
  [
    'an end below the port',
    npPort('{ port: 80, endPort: 79 }'),
    'spec.ingress[0].ports[0].endPort is the number 79: expected at least the port, 80',
  ],
  [
    'an end for a named port',
    npPort('{ port: http, endPort: 90 }'),
    'spec.ingress[0].ports[0].endPort needs a port that is a number',
  ],
  [
    'an end without port',
    npPort('{ endPort: 90 }'),
    'spec.ingress[0].ports[0].endPort needs a port that is a number',
  ],
  [
    'protocol ANY',
    npPort('{ port: 80, protocol: ANY }'),
    'spec.ingress[0].ports[0].protocol is "ANY": expected TCP, UDP or SCTP',
  ],
  [
    'an empty peer',
    npPeer('{}'),
    'spec.ingress[0].from[0] is empty: expected podSelector, namespaceSelector or ipBlock',
  ],
  [
    'a block beside a selector',
    npPeer('{ podSelector: {}, ipBlock: { cidr: 10.0.0.0/8 } }'),
    'spec.ingress[0].from[0].ipBlock stands beside a selector: a peer is one or the other',
  ],
  [
    'an exception that is the block',
    npPeer('{ ipBlock: { cidr: 10.0.0.0/8, except: [10.0.0.0/8] } }'),
    'spec.ingress[0].from[0].ipBlock.except[0] is 10.0.0.0/8, which is not strictly inside 10.0.0.0/8',
  ],
  [
    'a policy type',
    np('{ podSelector: {}, policyTypes: [ingress] }'),
    'spec.policyTypes[0] is "ingress": expected Ingress or Egress',
  ],
  // Objects
  [
    'no name',
    'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {}\nspec: { endpointSelector: {}, ingress: [{}] }',
    'metadata.name is missing: expected a string',
  ],
  [
    'another version',
    'apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: { name: n }',
    'apiVersion is "networking.k8s.io/v1beta1": expected networking.k8s.io/v1 for kind NetworkPolicy',
  ],
  [
    'no version',
    'kind: CiliumNetworkPolicy\nmetadata: { name: n }',
    'apiVersion is absent: expected cilium.io/v2 for kind CiliumNetworkPolicy',
  ],
  [
    'a kind of policy that is not supported',
    'apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: { name: n }',
    'kind AdminNetworkPolicy is not supported by this version',
  ],
  ['text that is no YAML', 'a: [', /^not valid YAML: /],
];

describe('parsePolicies()', () => {
  for (const [title, text, ...messages] of invalid) {
    it(`refuses ${title}`, () => {
      const problems = problemsOf(text);
      assert.equal(problems.length, messages.length, problems.join('\n'));
      for (const [i, message] of messages.entries()) {
        if (typeof message === 'string') assert.equal(problems[i], message);
        else assert.match(problems[i], message);
      }
    });
  }

  it('names file, line, column, object and field of every problem', () => {
    const text = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
  namespace: travel
spec:
  endpointSelector: {}
  ingress:
  - fromEntities:
    - cluster
    - neighbours
    toPorts:
    - ports:
      - { port: "80", protocol: QUIC }
`;
    const { problems } = parsePolicies(text, 'dir/web.yaml');
    assert.deepEqual(problems.map(formatPolicyProblem), [
      'dir/web.yaml:11:7: CiliumNetworkPolicy "travel/web": spec.ingress[0].fromEntities[1] is "neighbours": expected one of all, world, world-ipv4, world-ipv6, cluster, cluster-mesh, host, remote-node, kube-apiserver, init, health, unmanaged, ingress, none',
      'dir/web.yaml:14:23: CiliumNetworkPolicy "travel/web": spec.ingress[0].toPorts[0].ports[0].protocol is "QUIC": expected TCP, UDP, SCTP or ANY',
    ]);
    assert.equal(problems[1].field, 'spec.ingress[0].toPorts[0].ports[0].protocol');
  });

  it('keeps the good policies of a file with a bad one', () => {
    const { policies, problems } = parsePolicies(
      np('{ podSelector: {} }') + cnp('ingress: []') + ccnp('ingress: [{}]'),
      'p',
    );
    assert.deepEqual(
      policies.map(({ kind }) => kind),
      ['NetworkPolicy', 'CiliumClusterwideNetworkPolicy'],
    );
    assert.equal(problems.length, 1);
    assert.equal(problems[0].object, 'CiliumNetworkPolicy "a/cnp"');
  });

  it('reads lists, of one kind or of any, and places fields from the item', () => {
    const item =
      '{ metadata: { name: n, namespace: a }, spec: { podSelector: {}, ingress: [{ fron: [] }] } }';
    const typed = `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n- ${item}\n`;
    const { problems } = parsePolicies(typed, 'p');
    assert.deepEqual(problems.map(formatPolicyProblem), [
      'p:4:79: NetworkPolicy "a/n": spec.ingress[0].fron is no field of this kind',
    ]);
    assert.equal(problems[0].field, 'spec.ingress[0].fron');
    const any = { apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'Pod' }] };
    assert.deepEqual(parsePolicies(JSON.stringify(any), 'p'), { policies: [], problems: [], notes: [] });
  });

  it('leaves objects of other kinds and other makers alone', () => {
    const text =
      'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\n---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nspec: { order: 1 }\n';
    assert.deepEqual(parsePolicies(text, 'p'), { policies: [], problems: [], notes: [] });
  });

  it('takes empty forms of unsupported fields for what they are: nothing', () => {
    valid(
      cnp(
        'ingress: [{ fromEndpoints: [{}], fromRequires: [], toPorts: [{ ports: [{ port: "80" }], rules: {}, serverNames: [] }] }]',
      ),
    );
    valid(cnp('egress: [{ toFQDNs: [], toGroups: [], toEntities: [all] }]'));
  });

  it('remarks on what is valid, but means something else than it seems', () => {
    const notes = (text: string): string[] => parsePolicies(text, 'p').notes.map(({ message }) => message);
    assert.deepEqual(notes(np('{ podSelector: {}, policyTypes: [Ingress], egress: [{}] }')), [
      'spec.egress has no effect: policyTypes does not list its direction',
    ]);
    const other = cnp('ingress: [{}]', 'c', 'a', 'matchLabels: { "k8s:io.kubernetes.pod.namespace": b }');
    assert.deepEqual(notes(other), [
      'spec.endpointSelector.matchLabels["k8s:io.kubernetes.pod.namespace"] is b, but selects pods of the policy\'s own namespace, a',
    ]);
  });

  it('reads everything that is said about a policy', () => {
    const [policy] = valid(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web, uid: u-1, annotations: { policy.cilium.io/name: shown } }
spec:
  podSelector: { matchLabels: { app: x } }
  ingress:
  - from: [{ ipBlock: { cidr: 10.1.2.3/8, except: [10.9.0.0/16] } }]
    ports: [{ port: 80, endPort: 81 }, { port: web, protocol: UDP }]
`);
    const own = { source: 'k8s', key: 'io.kubernetes.pod.namespace', operator: 'In', values: ['default'] };
    assert.deepEqual(policy, {
      kind: 'NetworkPolicy',
      namespace: 'default',
      name: 'web',
      flowName: 'shown',
      uid: 'u-1',
      ruleSets: [
        {
          subject: {
            kind: 'endpoints',
            selector: {
              requirements: [{ source: 'k8s', key: 'app', operator: 'In', values: ['x'] }, own],
              localCluster: false,
            },
          },
          ingress: {
            defaultDeny: true,
            allow: [
              {
                index: 0,
                peers: [{ kind: 'cidr', cidr: '10.0.0.0/8', except: ['10.9.0.0/16'] }],
                ports: [
                  { kind: 'ports', protocol: 6, first: 80, last: 81 },
                  { kind: 'named', name: 'web', protocols: [17], last: 0 },
                ],
              },
            ],
            deny: [],
          },
          egress: null,
          labels: [],
          log: '',
          description: '',
        },
      ],
    });
  });

  it('refuses a text beyond the size bound before it looks at it', () => {
    assert.deepEqual(problemsOf(' '.repeat(MAX_POLICY_TEXT + 1)), [
      `has ${MAX_POLICY_TEXT + 1} characters: expected at most ${MAX_POLICY_TEXT}`,
    ]);
  });

  it('never throws, and never takes a mangled policy half', () => {
    /** Replaces one value somewhere inside. */
    const mangle = (value: unknown, path: number, by: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return by;
      const entries = Object.entries(value);
      if (entries.length === 0) return by;
      const at = path % entries.length;
      const changed = entries.map(
        ([key, inner], i) => [key, i === at ? mangle(inner, Math.floor(path / 3), by) : inner] as const,
      );
      return Array.isArray(value) ? changed.map(([, inner]) => inner) : Object.fromEntries(changed);
    };
    const junk = fc.constantFrom<unknown>(
      null,
      0,
      -1,
      1e9,
      '',
      'x',
      'a:b:c',
      true,
      [],
      {},
      [[]],
      [null],
      { x: 1 },
      [{}],
      '10.0.0.0/8',
    );
    fc.assert(
      fc.property(policyObjects, fc.nat(), junk, ([object], path, by) => {
        const text = JSON.stringify(mangle(object, path, by));
        const { policies, problems } = parsePolicies(text, 'p');
        assert.ok(policies.length === 0 || problems.length === 0);
      }),
      { numRuns: 1000 },
    );
  });
});
