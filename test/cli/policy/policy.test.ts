import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCli } from '../support/run-cli.ts';

const cluster = `apiVersion: v1
kind: Namespace
metadata: { name: travel, labels: { env: prod } }
---
apiVersion: v1
kind: Node
metadata: { name: n1, labels: { zone: one } }
status: { addresses: [{ type: InternalIP, address: 172.30.1.1 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: search-0, namespace: travel, labels: { app: search } }
spec: { nodeName: n1, containers: [{ name: c, image: x }] }
status: { podIP: 10.1.1.2 }
---
apiVersion: v1
kind: Pod
metadata: { name: fares-0, namespace: travel, labels: { app: fares } }
spec: { nodeName: n2, containers: [{ name: c, image: x, ports: [{ name: http, containerPort: 8080 }] }] }
status: { podIP: 10.1.2.2 }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny, namespace: travel }
spec: { podSelector: {}, policyTypes: [Ingress, Egress], egress: [{ ports: [{ port: http }] }] }
`;
const fares = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: fares, namespace: travel }
spec:
  endpointSelector: { matchLabels: { app: fares } }
  ingress:
  - fromEndpoints: [{ matchLabels: { app: search } }]
    toPorts: [{ ports: [{ port: http }] }]
`;
const broken = fares.replace('toPorts', 'toPort').replace('name: fares', 'name: broken');

describe('sluice policy', { concurrency: 2 }, () => {
  let directory: string;
  let state: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-policy-'));
    state = join(directory, 'state');
    mkdirSync(state);
    writeFileSync(join(state, 'cluster.yaml'), cluster);
    writeFileSync(join(state, 'fares.yaml'), fares);
    writeFileSync(join(directory, 'broken.yaml'), broken);
    mkdirSync(join(directory, 'empty'));
  });
  after(() => rmSync(directory, { recursive: true }));
  const policy = (...args: string[]) => runCli(['policy', ...args]);
  const trace = (from: string, to: string, port: string, ...more: string[]) =>
    policy('trace', '--from', from, '--to', to, '--port', port, '--state-dir', state, ...more);

  it('validates files and directories', async () => {
    const { out, status } = await policy('validate', state);
    assert.equal(out, '2 policies are valid, 0 problems in 2 files\n');
    assert.equal(status, 0);
  });

  it('tells every problem with its place, and fails', async () => {
    const file = join(directory, 'broken.yaml');
    const { out, status } = await policy('validate', file);
    assert.equal(
      out,
      `${file}:8:5: CiliumNetworkPolicy "travel/broken": spec.ingress[0].toPort is no field of this kind\n` +
        '0 policies are valid, 1 problem in 1 file\n',
    );
    assert.equal(status, 1);
  });

  it('tells the same to programs', async () => {
    const file = join(directory, 'broken.yaml');
    const { out, status } = await policy('validate', file, '-o', 'json');
    assert.deepEqual(JSON.parse(out), {
      valid: 0,
      problems: [
        {
          file,
          line: 8,
          column: 5,
          object: 'CiliumNetworkPolicy "travel/broken"',
          field: 'spec.ingress[0].toPort',
          message: 'spec.ingress[0].toPort is no field of this kind',
        },
      ],
      notes: [],
    });
    assert.equal(status, 1);
  });

  it('says why there is nothing to validate', async () => {
    for (const [path, reason] of [
      [join(directory, 'none.yaml'), /^error: cannot read .*none\.yaml: there is no such file\n$/],
      [join(directory, 'empty'), /^error: .*empty holds no file that ends in \.yaml, \.yml or \.json\n$/],
    ] as const) {
      const { err, status } = await policy('validate', path);
      assert.match(err, reason);
      assert.equal(status, 1);
    }
    assert.match((await policy('validate')).err, /^error: no file is named/);
  });

  it('traces a connection that passes, with the rules of both ends', async () => {
    const { out, status } = await trace('travel/search-0', 'travel/fares-0', '8080');
    assert.equal(
      out,
      `travel/search-0 -> travel/fares-0 tcp/8080: ALLOWED
  egress of travel/search-0: allowed (L3-L4)
    NetworkPolicy travel/default-deny spec.egress[0]
  ingress of travel/fares-0: allowed (L3-L4)
    CiliumNetworkPolicy travel/fares spec.ingress[0]
`,
    );
    assert.equal(status, 0);
  });

  it('traces one that does not, found by address', async () => {
    const { out, status } = await trace('203.0.113.7', '10.1.2.2', '8080');
    assert.equal(
      out,
      `203.0.113.7 -> travel/fares-0 tcp/8080: DENIED
  egress of 203.0.113.7: no policy is enforced there
  ingress of travel/fares-0: denied, no rule allows it
`,
    );
    assert.equal(status, 2);
  });

  it('takes a node for the host of its own pods, and for a remote node of others', async () => {
    const own = await trace('node/n1', 'travel/search-0', '80');
    assert.match(own.out, /ALLOWED\n(.*\n)*.*a node reaches its pods unless one denies it/);
    const other = await trace('172.30.1.1', 'travel/fares-0', '80');
    assert.match(other.out, /^node\/n1 -> travel\/fares-0 tcp\/80: DENIED/);
  });

  it('traces for pods that do not exist, by their labels, and by further policies', async () => {
    const labels = 'app=search,io.kubernetes.pod.namespace=travel';
    assert.equal((await trace(labels, 'travel/fares-0', '8080')).status, 0);
    assert.equal((await trace('app=search', 'travel/fares-0', '8080')).status, 2);
    const file = join(directory, 'fares-closed.yaml');
    writeFileSync(file, fares.replace('app: search', 'app: other'));
    assert.equal((await trace('travel/search-0', 'travel/fares-0', '8080', '-f', file)).status, 2);
  });

  it('prints a trace for programs', async () => {
    const { out } = await trace('host', 'travel/fares-0', '8', '--protocol', 'icmp', '-o', 'json');
    const { verdict, egress, ingress } = JSON.parse(out) as Record<string, Record<string, unknown>>;
    assert.equal(verdict, 'allow');
    assert.deepEqual(egress, { verdict: 'allow', isPoliced: false, matchType: 'none', rules: [] });
    assert.equal(ingress['matchType'], 'L3-Only');
  });

  it('answers nothing from files with a problem', async () => {
    const { out, err, status } = await trace(
      'host',
      'travel/fares-0',
      '80',
      '-f',
      join(directory, 'broken.yaml'),
    );
    assert.equal(out, '');
    assert.match(
      err,
      /^error: .*broken\.yaml:8:5: CiliumNetworkPolicy "travel\/broken": .*toPort is no field/,
    );
    assert.equal(status, 1);
  });

  it('says what is wrong with a question', async () => {
    const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
      [
        ['--from', 'travel/serch-0', '--to', 'host', '--port', '1'],
        /"travel\/serch-0" for --from: nobody .* did you mean travel\/search-0\?/,
      ],
      [['--from', 'a=b,c', '--to', 'host', '--port', '1'], /"c" is no label: expected KEY=VALUE/],
      [['--to', 'host', '--port', '1'], /flag --from is missing/],
      [['--from', 'host', '--to', 'host'], /flag --port is missing/],
      [['--from', 'host', '--to', 'host', '--port', '256', '--protocol', 'icmp'], /expected a type of ICMP/],
    ];
    for (const [args, message] of cases) {
      const { err, status } = await policy('trace', ...args, '--state-dir', state);
      assert.match(err, message);
      assert.equal(status, 1);
    }
    const ask = (...args: string[]): ReturnType<typeof policy> =>
      policy('trace', '--from', 'host', '--to', 'host', ...args);
    const nowhere = ['--server', `unix://${directory}/nobody.sock`];
    assert.match((await ask('--port', '1', ...nowhere)).err, /nobody\.sock.*--state-dir, or both/);
    assert.match((await ask('--port', '1', '--mode', 'always')).err, /--mode goes with files/);
    assert.match(
      (await ask('--port', '1/x', '--state-dir', state)).err,
      /"x" is no protocol: expected one of tcp, udp/,
    );
    assert.match((await ask('--port', '1/udp', '--protocol', 'tcp')).err, /name two protocols/);
  });
});
