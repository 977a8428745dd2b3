import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DatapathSettings } from '../../../agent/datapath/datapath-settings.ts';
import { decodeSettings, encodeCidrKey, SETTING_POLICY } from '../../../agent/datapath/map-layout.ts';
import { PolicyEnforcement, type ToldIdentity } from '../../../agent/policy/policy-enforcement.ts';
import type { PolicyProblem } from '../../../agent/policy/policy-sets.ts';
import { policyLayouts } from '../../../agent/policy/policy-layout.ts';
import type { ClusterChange } from '../../../cluster/index.ts';
import { parsePolicies } from '../../../policy/index.ts';
import { parseIp } from '../../../proto/flow/ip.ts';
import { pod } from '../datapath/support/pod.ts';
import { askMaps } from './support/ask-maps.ts';
import { FakePolicyMap } from './support/fake-policy-map.ts';

const { size: KEY_BYTES } = policyLayouts.policy_key;
const WEB = 4;
const DB_IDENTITY = 301;

/** The maps of a node, which outlive its agents. */
class Node {
  readonly policy = new FakePolicyMap(KEY_BYTES);
  readonly endpointPolicies = new FakePolicyMap(4);
  readonly ranges = new FakePolicyMap(24);
  readonly ruleCounters = new FakePolicyMap(4);
  readonly settings = new FakePolicyMap(4);

  agent(hostFirewall = false): {
    enforcement: PolicyEnforcement;
    ranges: ToldIdentity[];
    problems: PolicyProblem[];
  } {
    const settings = new DatapathSettings(this.settings, {
      aggregation: 'medium',
      aggregationIntervalMs: 5000,
      captureBytes: 0,
      noRedirect: false,
    });
    const ranges: ToldIdentity[] = [];
    const problems: PolicyProblem[] = [];
    const enforcement = new PolicyEnforcement(
      {
        clusterName: 'east',
        clusterId: 0,
        nodeName: 'n1',
        mode: 'default',
        hostFirewall,
        audits: false,
      },
      this,
      settings,
      {
        onRules: () => {},
        onIdentities: (changes) => ranges.push(...changes),
        onProblems: (now) => problems.splice(0, Infinity, ...now),
      },
    );
    return { enforcement, ranges, problems };
  }

  get isAsking(): boolean {
    const { flags } = decodeSettings([...this.settings.content.values()][0]);
    return (flags & SETTING_POLICY) !== 0;
  }

  get epoch(): number {
    return decodeSettings([...this.settings.content.values()][0]).identityEpoch;
  }

  hasRange(address: string, bits: number): boolean {
    return this.ranges.lookup(encodeCidrKey(parseIp(address)!, bits)) !== null;
  }

  ask(identity: number, direction: 'ingress' | 'egress' = 'ingress'): string {
    return askMaps(this.endpointPolicies, this.policy, {
      endpointId: WEB,
      direction,
      clusterId: 0,
      identity,
      protocol: 6,
      port: 80,
    });
  }
}

const labels = (app: string): string[] => [
  `k8s:app=${app}`,
  'k8s:io.cilium.k8s.policy.cluster=east',
  'k8s:io.kubernetes.pod.namespace=shop',
];
const web = pod('web', ['10.0.0.1'], 300, { labels: labels('web') });
const db = pod('db', ['10.0.1.1'], DB_IDENTITY, { labels: labels('db'), nodeName: 'n2' });
const upsert = (endpoint: typeof web): ClusterChange => ({ kind: 'endpoint-upsert', endpoint });

function policy(ingress: readonly object[]): Extract<ClusterChange, { kind: 'policy-upsert' }> {
  const { policies, problems } = parsePolicies(
    JSON.stringify({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { endpointSelector: { matchLabels: { app: 'web' } }, ingress },
    }),
    'p.json',
  );
  assert.deepEqual(problems, []);
  return { kind: 'policy-upsert', policy: policies[0] };
}
const fromDb = policy([{ fromEndpoints: [{ matchLabels: { app: 'db' } }] }]);
const fromRange = policy([{ fromCIDR: ['198.51.100.0/24'] }]);

describe('a node’s policies', () => {
  it('are asked for once one enforces something, and not any more when none does', () => {
    const node = new Node();
    const { enforcement } = node.agent();
    enforcement.apply([upsert(web), upsert(db)]);
    enforcement.assign('shop/web', WEB);
    enforcement.finishInitial();
    assert.deepEqual([node.isAsking, node.ask(DB_IDENTITY)], [false, 'open']);
    enforcement.apply([fromDb]);
    assert.deepEqual([node.isAsking, node.ask(DB_IDENTITY), node.ask(302)], [true, 'allow', 'default-deny']);
    assert.equal(enforcement.revision, 1);
    enforcement.apply([{ kind: 'policy-delete', policy: fromDb.policy }]);
    assert.deepEqual([node.isAsking, node.ask(302)], [false, 'open']);
    enforcement.close();
  });

  it('follow an endpoint whose labels change', () => {
    const node = new Node();
    const { enforcement } = node.agent();
    enforcement.apply([upsert(web), upsert(db), fromDb]);
    enforcement.assign('shop/web', WEB);
    enforcement.finishInitial();
    assert.equal(node.ask(302), 'default-deny');
    enforcement.apply([upsert({ ...web, labels: labels('other'), identity: 303 })]);
    assert.equal(node.ask(302), 'open');
    enforcement.close();
  });

  it('know an identity before the datapath does, and for a while after', () => {
    const node = new Node();
    const { enforcement } = node.agent();
    enforcement.apply([upsert(web), fromDb]);
    enforcement.assign('shop/web', WEB);
    enforcement.finishInitial();
    assert.equal(node.ask(DB_IDENTITY), 'default-deny');
    enforcement.apply([upsert(db)]);
    assert.equal(node.ask(DB_IDENTITY), 'allow');
    enforcement.apply([{ kind: 'endpoint-delete', endpoint: db }]);
    assert.equal(node.ask(DB_IDENTITY), 'allow');
    enforcement.close();
  });

  it('put ranges behind the entries that need them, and have connections judged anew', () => {
    const node = new Node();
    const { enforcement, ranges } = node.agent();
    enforcement.apply([upsert(web)]);
    enforcement.assign('shop/web', WEB);
    enforcement.finishInitial();
    const { epoch } = node;
    enforcement.apply([fromRange]);
    assert.ok(node.hasRange('198.51.100.0', 24) && node.epoch > epoch);
    assert.deepEqual(
      ranges.map(({ labels }) => labels),
      [['cidr:198.51.100.0/24', 'reserved:world-ipv4']],
    );
    assert.equal(node.ask(ranges[0].identity), 'allow');
    enforcement.apply([fromDb]);
    assert.equal(node.hasRange('198.51.100.0', 24), false);
    assert.equal(ranges[1].labels, null);
    enforcement.close();
  });

  it('of an agent that is gone stay whole, ranges included, until the next one has assigned its own', () => {
    const node = new Node();
    const first = node.agent();
    first.enforcement.apply([upsert(web), fromRange]);
    first.enforcement.assign('shop/web', WEB);
    first.enforcement.finishInitial();
    first.enforcement.close();
    const [{ identity }] = first.ranges;

    const second = node.agent();
    assert.ok(node.isAsking);
    // Pods are known before policies are.
    second.enforcement.apply([upsert(web), upsert(db)]);
    assert.deepEqual(
      [node.hasRange('198.51.100.0', 24), node.ask(identity), node.ask(302)],
      [true, 'allow', 'default-deny'],
    );
    second.enforcement.apply([fromDb]);
    assert.deepEqual([node.hasRange('198.51.100.0', 24), node.ask(identity)], [true, 'allow']);
    second.enforcement.assign('shop/web', WEB);
    assert.deepEqual([node.ask(identity), node.ask(DB_IDENTITY)], ['default-deny', 'allow']);
    second.enforcement.finishInitial();
    assert.deepEqual(
      [node.hasRange('198.51.100.0', 24), node.policy.content.size],
      [false, second.enforcement.entryCount],
    );
    second.enforcement.close();
  });

  it('have ranges in place before a new endpoint is served', () => {
    const node = new Node();
    const { enforcement } = node.agent();
    enforcement.apply([upsert(web), fromRange]);
    assert.equal(node.hasRange('198.51.100.0', 24), false);
    enforcement.assign('shop/web', WEB);
    assert.equal(node.hasRange('198.51.100.0', 24), true);
    enforcement.close();
  });

  it('tell nodes apart before addresses do, and go on matching them as remote nodes', () => {
    const node = new Node();
    const { enforcement, ranges } = node.agent();
    const n2 = { name: 'n2', cluster: 'east', addresses: ['192.0.2.2'], podCidrs: [], labels: ['zone=b'] };
    const n3 = { ...n2, name: 'n3', addresses: ['192.0.2.3'], labels: [] };
    enforcement.apply([upsert(web), { kind: 'node-upsert', node: n2 }, { kind: 'node-upsert', node: n3 }]);
    enforcement.assign('shop/web', WEB);
    enforcement.finishInitial();
    const fromZone = policy([{ fromNodes: [{ matchLabels: { zone: 'b' } }] }]);
    assert.deepEqual(enforcement.apply([fromZone]), [n2, n3]);
    const [of2, of3] = [enforcement.identityOfNode(n2), enforcement.identityOfNode(n3)];
    assert.deepEqual([node.ask(of2), node.ask(of3), node.ask(6)], ['allow', 'default-deny', 'default-deny']);
    assert.deepEqual(
      ranges.map(({ identity }) => identity),
      [of2, of3],
    );
    const fromNodes = policy([{ fromEntities: ['remote-node'] }]);
    assert.deepEqual(enforcement.apply([fromNodes]), [n2, n3]);
    // Until the datapath has learnt of it, too.
    assert.deepEqual([node.ask(of2), node.ask(of3), node.ask(6)], ['allow', 'allow', 'allow']);
    assert.deepEqual([enforcement.identityOfNode(n2), enforcement.identityOfNode(n3)], [6, 6]);
    enforcement.close();
  });

  it('that would police the node are a problem unless the node is policed', () => {
    const { policies } = parsePolicies(
      JSON.stringify({
        apiVersion: 'cilium.io/v2',
        kind: 'CiliumClusterwideNetworkPolicy',
        metadata: { name: 'edge' },
        spec: { nodeSelector: { matchLabels: { role: 'edge' } }, ingress: [{}] },
      }),
      'p.json',
    );
    const edge: ClusterChange = { kind: 'policy-upsert', policy: policies[0] };
    const node = (role: string): ClusterChange => {
      const labelled = { name: 'n1', cluster: 'east', addresses: [], podCidrs: [], labels: [`role=${role}`] };
      return { kind: 'node-upsert', node: labelled };
    };
    const off = new Node().agent();
    off.enforcement.apply([edge, node('core')]);
    assert.deepEqual(off.problems, [], 'it selects other nodes');
    off.enforcement.apply([node('edge')]);
    assert.deepEqual(off.problems, [
      {
        where: 'CiliumClusterwideNetworkPolicy "edge"',
        message:
          'its nodeSelector picks this node, which is not policed: start the agent with --host-firewall',
      },
    ]);
    off.enforcement.apply([{ kind: 'policy-delete', policy: policies[0] }]);
    assert.deepEqual(off.problems, []);
    off.enforcement.close();
    const on = new Node().agent(true);
    on.enforcement.apply([edge, node('edge')]);
    assert.deepEqual(on.problems, []);
    on.enforcement.close();
  });

  it('deny an endpoint that has none while others have some', () => {
    const node = new Node();
    const { enforcement } = node.agent();
    enforcement.apply([upsert(web), fromDb]);
    enforcement.assign('shop/web', WEB);
    enforcement.release('shop/web');
    assert.equal(node.ask(DB_IDENTITY), 'missing');
    enforcement.close();
  });
});
