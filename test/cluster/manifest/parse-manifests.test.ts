import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatIdentityManifest } from '../../../cluster/manifest/identity-manifest.ts';
import { parseManifests } from '../../../cluster/manifest/parse-manifests.ts';

const parse = (text: string) => parseManifests('m.yaml', text);
const problemsOf = (text: string) => parse(text).problems.map(({ where, message }) => `${where} ${message}`);

/** What YAML and manifests are made of, to be put together at random. */
const FRAGMENTS = [
  'apiVersion: v1\n',
  'kind: Pod\n',
  'kind: List\n',
  'items:\n',
  'metadata:\n',
  'name: x\n',
  '%YAML 1.1\n',
  '---\n',
  '!!map ',
  '<<: ',
  '&a ',
  '*a ',
  '- ',
  '  ',
  '? ',
  ': ',
  '|\n',
  '>\n',
  ...'{ } [ ] " \' \t #'.split(' '),
];

/** What one manifest says. */
function only(text: string): object {
  const { objects, problems } = parse(text);
  assert.deepEqual(problems, []);
  assert.equal(objects.length, 1);
  return objects[0];
}

describe('parseManifests()', () => {
  it('reads the named ports of containers, not those of init containers, and the labels of services', () => {
    const pod = only(`apiVersion: v1
kind: Pod
metadata: { name: p }
spec:
  initContainers: [{ name: i, ports: [{ name: setup, containerPort: 1 }] }]
  containers:
  - { name: a, ports: [{ name: http, containerPort: 8080 }, { containerPort: 9 }] }
  - { name: b, ports: [{ name: dns, containerPort: 53, protocol: UDP }] }
`);
    assert.deepEqual('namedPorts' in pod && pod.namedPorts, [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'dns', protocol: 'UDP', port: 53 },
    ]);
    const service = only(
      'apiVersion: v1\nkind: Service\nmetadata: { name: s, labels: { public: "yes" } }\nspec: {}\n',
    );
    assert.deepEqual('labels' in service && service.labels, { public: 'yes' });
    assert.deepEqual(
      problemsOf(
        'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { containers: [{ ports: [{ name: http }] }] }',
      ),
      [
        'm.yaml:4:32 Pod "p" spec.containers[0].ports[0].containerPort is absent: expected a whole number from 1 to 65535',
      ],
    );
  });

  it('reads a pod as kubectl prints it', () => {
    const { objects, problems } = parse(`apiVersion: v1
kind: Pod
metadata:
  name: search-7d4b9c6f5-x2x9k
  namespace: travel
  labels: { app: search, pod-template-hash: 7d4b9c6f5 }
  ownerReferences:
    - { apiVersion: apps/v1, kind: ReplicaSet, name: search-7d4b9c6f5, uid: u, controller: true }
spec:
  nodeName: node1
  serviceAccountName: searcher
  containers: [{ name: search, image: x }]
status:
  phase: Running
  podIP: 10.1.0.7
  podIPs: [{ ip: 10.1.0.7 }, { ip: "FD00:1::7" }]
`);
    assert.deepEqual(problems, []);
    assert.deepEqual(objects, [
      {
        kind: 'Pod',
        namespace: 'travel',
        name: 'search-7d4b9c6f5-x2x9k',
        labels: { app: 'search', 'pod-template-hash': '7d4b9c6f5' },
        owners: [{ kind: 'ReplicaSet', name: 'search-7d4b9c6f5', controller: true }],
        nodeName: 'node1',
        serviceAccount: 'searcher',
        hostNetwork: false,
        phase: 'Running',
        addresses: ['10.1.0.7', 'fd00:1::7'],
      },
    ]);
  });

  it('reads nodes, namespaces and services, several documents in one file', () => {
    const { objects, problems } = parse(`---
apiVersion: v1
kind: Node
metadata: { name: node1, labels: { zone: a } }
spec: { podCIDR: 10.1.0.9/24, podCIDRs: [10.1.0.0/24, "fd00:1::/64"] }
status:
  addresses:
    - { type: Hostname, address: node1 }
    - { type: InternalIP, address: 192.168.0.1 }
    - { type: InternalIP, address: "fd00::1" }
---
---
apiVersion: v1
kind: Namespace
metadata: { name: travel, labels: { team: web } }
---
apiVersion: v1
kind: Service
metadata: { name: search, namespace: travel }
spec:
  clusterIP: None
  selector: { app: search }
  ports:
    - { port: 80, targetPort: http }
    - { name: dns, port: 53, protocol: UDP }
`);
    assert.deepEqual(problems, []);
    assert.deepEqual(objects, [
      {
        kind: 'Node',
        namespace: '',
        name: 'node1',
        labels: { zone: 'a' },
        addresses: ['192.168.0.1', 'fd00::1'],
        podCidrs: ['10.1.0.0/24', 'fd00:1::/64'],
      },
      { kind: 'Namespace', namespace: '', name: 'travel', labels: { team: 'web' } },
      {
        kind: 'Service',
        namespace: 'travel',
        name: 'search',
        clusterIps: [],
        ports: [
          { name: '', protocol: 'TCP', port: 80, targetPort: 'http' },
          { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
        ],
        selector: { app: 'search' },
      },
    ]);
  });

  it('reads backends that serve, and groups of ranges', () => {
    const { objects, problems } = parseManifests(
      'm.yaml',
      `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: bank-x, namespace: travel, labels: { kubernetes.io/service-name: bank } }
addressType: IPv4
endpoints:
  - { addresses: [203.0.113.1] }
  - { addresses: [203.0.113.2], conditions: { ready: false } }
  - { addresses: [203.0.113.3], conditions: { ready: false, serving: true, terminating: true } }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: bank-names, namespace: travel, labels: { kubernetes.io/service-name: bank } }
addressType: FQDN
endpoints: [{ addresses: [bank.example.com] }]
---
apiVersion: v1
kind: Endpoints
metadata: { name: bank, namespace: travel }
subsets:
  - addresses: [{ ip: 203.0.113.4 }, { ip: "2001:db8::4" }]
    notReadyAddresses: [{ ip: 203.0.113.5 }]
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: { name: partners }
spec: { externalCIDRs: [198.51.100.7/24, "2001:db8::/32"] }
`,
    );
    assert.deepEqual(problems, []);
    const bank = { namespace: 'travel', service: 'bank' };
    assert.deepEqual(objects, [
      { kind: 'EndpointSlice', name: 'bank-x', ...bank, addresses: ['203.0.113.1', '203.0.113.3'] },
      { kind: 'EndpointSlice', name: 'bank-names', ...bank, addresses: [] },
      { kind: 'Endpoints', name: 'bank', ...bank, addresses: ['203.0.113.4', '2001:db8::4'] },
      {
        kind: 'CiliumCIDRGroup',
        namespace: '',
        name: 'partners',
        cidrs: ['198.51.100.0/24', '2001:db8::/32'],
      },
    ]);
    assert.deepEqual(
      problemsOf(
        'apiVersion: v1\nkind: Endpoints\nmetadata: { name: e }\nsubsets: [{ addresses: [{ ip: x }] }]\n',
      ),
      ['m.yaml:4:27 Endpoints "e" subsets[0].addresses[0].ip is "x": expected an IPv4 or IPv6 address'],
    );
  });

  it('reads JSON, and lists whose items carry no kind', () => {
    const text = JSON.stringify({
      kind: 'PodList',
      apiVersion: 'v1',
      items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' }, status: { podIP: '10.0.0.1' } }],
    });
    assert.deepEqual(
      parse(text).objects.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('passes over what else Kubernetes has, policies included', () => {
    const { objects, problems, notes } = parse(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: search }
---
apiVersion: v1
kind: ConfigMap
---
apiVersion: networking.k8s.io/v1
kind: Ingress
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow, namespace: travel }
`);
    assert.deepEqual([objects, problems, notes], [[], [], []]);
  });

  it('takes policies for what their reader makes of them', () => {
    const policy = { kind: 'NetworkPolicy', namespace: 'travel', name: 'allow' };
    const problem = { where: 'm.yaml:1:1', message: 'wrong' };
    const note = { where: 'm.yaml:2:1', message: 'odd' };
    const asked: unknown[] = [];
    const text =
      'apiVersion: v1\nkind: ConfigMap\n---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n';
    const parsed = parseManifests('m.yaml', text, (documents, file) => {
      asked.push(documents.length, file);
      return { policies: [policy], problems: [problem], notes: [note] };
    });
    assert.deepEqual(asked, [2, 'm.yaml']);
    assert.deepEqual(parsed, { objects: [{ ...policy, policy }], problems: [problem], notes: [note] });
  });

  it('reads whether a pod audits its policies', () => {
    const audits = (annotation: string): unknown => {
      const { objects, problems } = parse(
        `apiVersion: v1\nkind: Pod\nmetadata: { name: p, annotations: { policy.sluice.io/audit: ${annotation} } }\n`,
      );
      return problems[0]?.message ?? (objects[0] as { auditsPolicy?: true }).auditsPolicy;
    };
    assert.deepEqual([audits('"true"'), audits('"false"')], [true, undefined]);
    assert.match(String(audits('"yes"')), /policy.sluice.io\/audit.*"yes".*expected "true" or "false"/);
  });

  it('says what follows when a manifest names nothing', () => {
    const [pod] = parse('apiVersion: v1\nkind: Pod\nmetadata: { name: p }\n').objects;
    assert.deepEqual(pod, {
      kind: 'Pod',
      namespace: 'default',
      name: 'p',
      labels: {},
      owners: [],
      nodeName: '',
      serviceAccount: 'default',
      hostNetwork: false,
      phase: '',
      addresses: [],
    });
  });

  const head = 'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\n';
  const faults: readonly (readonly [what: string, text: string, problem: string])[] = [
    [
      'broken YAML',
      `${head}status: [a, b\n`,
      'm.yaml:5:1 not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    [
      'a tab as indentation',
      `${head}status:\n\tphase: Running\n`,
      'm.yaml:5:1 not valid YAML: Tabs are not allowed as indentation',
    ],
    ['a repeated key', `${head}kind: Pod\n`, 'm.yaml:4:1 not valid YAML: Map keys must be unique'],
    [
      'an address that is none',
      `${head}status:\n  podIPs:\n    - ip: 10.0.0\n`,
      'm.yaml:6:7 Pod "p" status.podIPs[0].ip is "10.0.0": expected an IPv4 or IPv6 address',
    ],
    [
      'a label that YAML reads as a number',
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n    version: 1.1\n',
      'm.yaml:6:5 Pod "p" metadata.labels.version is the number 1.1: expected a string (in quotes: "1.1")',
    ],
    [
      'a field of another type',
      `${head}spec:\n  hostNetwork: "yes"\n`,
      'm.yaml:5:3 Pod "p" spec.hostNetwork is "yes": expected true or false',
    ],
    [
      'a scalar for a mapping',
      `${head}status: Running\n`,
      'm.yaml:4:1 Pod "p" status is "Running": expected a mapping',
    ],
    [
      'a wrong phase',
      `${head}status: { phase: Runing }\n`,
      'm.yaml:4:11 Pod "p" status.phase is "Runing": expected one of Pending, Running, Succeeded, Failed, Unknown',
    ],
    [
      'a wrong apiVersion',
      'apiVersion: v2\nkind: Pod\n',
      'm.yaml:1:1 Pod apiVersion is "v2": expected v1 for kind Pod',
    ],
    [
      'a missing apiVersion',
      'kind: Pod\n',
      'm.yaml:1:1 Pod apiVersion is absent: expected an apiVersion such as v1',
    ],
    ['a missing kind', 'apiVersion: v1\n', 'm.yaml:1:1 object kind is absent: expected a kind such as Pod'],
    [
      'a kind in lower case',
      'apiVersion: v1\nkind: pod\n',
      'm.yaml:2:1 pod kind is "pod": expected a kind of apiVersion v1, such as Pod, Node, Namespace or Service',
    ],
    [
      'a missing name',
      'apiVersion: v1\nkind: Pod\nmetadata: { namespace: n }\n',
      'm.yaml:3:1 Pod metadata.name is missing: expected a string',
    ],
    [
      'a name that is none',
      'apiVersion: v1\nkind: Pod\nmetadata: { name: A/b }\n',
      'm.yaml:3:13 Pod "A/b" metadata.name is "A/b": expected lower case letters, digits, "-" and ".", at most 253, beginning and ending with a letter or digit',
    ],
    [
      'a port out of range',
      'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ port: 70000 }] }\n',
      'm.yaml:4:19 Service "s" spec.ports[0].port is the number 70000: expected a whole number from 1 to 65535',
    ],
    [
      'a range that is none',
      'apiVersion: v1\nkind: Node\nmetadata: { name: n }\nspec: { podCIDR: 10.0.0.0/40 }\n',
      'm.yaml:4:9 Node "n" spec.podCIDR is "10.0.0.0/40": expected a range such as 10.1.0.0/24 or fd00:1::/64',
    ],
    [
      'an identity that is no number',
      'apiVersion: cilium.io/v2\nkind: CiliumIdentity\nmetadata: { name: "12x" }\nsecurity-labels: { "k8s:a": b }\n',
      'm.yaml:3:13 CiliumIdentity "12x" metadata.name is "12x": expected a decimal number from 1 to 16777215 in quotes',
    ],
    [
      'a fault inside a list',
      'apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Pod\n    metadata: { name: q }\n    status: { podIP: x }\n',
      'm.yaml:7:15 Pod "q" items[0].status.podIP is "x": expected an IPv4 or IPv6 address',
    ],
  ];
  for (const [what, text, problem] of faults) {
    it(`tells ${what} with line, column, field, value and what was expected`, () => {
      assert.deepEqual(problemsOf(text), [problem]);
    });
  }

  it('finds every problem in one pass and keeps the objects that have none', () => {
    const bad = head.replace('name: p', 'name: bad');
    const { objects, problems } = parse(`${bad}status: { phase: X, podIP: y }\n---\n${head}`);
    assert.deepEqual(
      objects.map(({ name }) => name),
      ['p'],
    );
    assert.equal(problems.length, 2);
  });

  it('bounds what small texts can stand for', () => {
    const bomb = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 12; i++) bomb.push(`a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`);
    assert.match(problemsOf(bomb.join('\n'))[0], /not readable as YAML: Excessive alias count/);
    assert.match(problemsOf('['.repeat(50_000))[0], /not valid YAML|not readable as YAML/);
    assert.match(
      problemsOf(
        `{"kind":"Pod","apiVersion":"v1","metadata":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_001)}`,
      )[0],
      /is missing|not readable|not valid/,
    );
  });

  it('answers any text with objects or problems, never with an exception', () => {
    const fragment = fc.constantFrom(...FRAGMENTS);
    fc.assert(
      fc.property(fc.array(fc.oneof(fragment, fc.string()), { maxLength: 30 }), (parts) => {
        const { objects, problems, notes } = parse(parts.join(''));
        for (const { where } of [...problems, ...notes]) assert.match(where, /^m\.yaml:\d+:\d+$/);
        for (const { name } of objects) assert.notEqual(name, '');
      }),
      { numRuns: 500 },
    );
  });
});

describe('formatIdentityManifest()', () => {
  it('is read back as what it was made of, for any labels', () => {
    const label = fc.tuple(fc.stringMatching(/^[a-z]{1,5}:[a-zA-Z0-9./_-]{1,20}$/), fc.string());
    fc.assert(
      fc.property(
        fc.uniqueArray(label, { selector: ([key]) => key, minLength: 1, maxLength: 8 }),
        (pairs) => {
          const labels = pairs.map(([key, value]) => `${key}=${value}`).sort();
          const { objects, problems } = parse(formatIdentityManifest(65_900, labels));
          assert.deepEqual(problems, []);
          assert.deepEqual(objects, [
            { kind: 'CiliumIdentity', namespace: '', name: '65900', identity: 65_900, labels },
          ]);
        },
      ),
    );
  });
});
