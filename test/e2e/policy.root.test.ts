import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { createTwoNodes, type Pod, type TwoNodes } from '../../bench/support/two-nodes.ts';
import type { ForeignClient, Loose } from '../support/grpc-client.ts';
import { awaitFlows, type SeenFlow } from './support/agent-flows.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from './support/agent-process.ts';
import { namespaceManifest, nodeManifest, podManifest } from './support/manifests.ts';
import { Prober } from './support/prober.ts';

/** A flow with what verdicts add. */
interface VerdictFlow extends SeenFlow {
  readonly event_type: { readonly type: number; readonly sub_type?: number };
  readonly policy_match_type: number;
  readonly drop_reason_desc: string;
  readonly ingress_allowed_by: readonly Loose[];
  readonly ingress_denied_by: readonly Loose[];
  readonly egress_allowed_by: readonly Loose[];
  readonly egress_denied_by: readonly Loose[];
}

const PORT = 7100;
const OTHER_PORT = 7101;

let nodes: TwoNodes;
let home: AgentHome;
let agent: AgentProcess;
let observer: ForeignClient;
let client: Pod;
let server: Pod;
let remote: Pod;
let fromClient: Prober;
let fromRemote: Prober;
const probers: Prober[] = [];

before(async () => {
  nodes = createTwoNodes('pole', 2);
  const [near, far] = nodes.nodes;
  [client, server] = near.pods;
  [remote] = far.pods;
  home = createAgentHome(near);
  home.write(
    'cluster.yaml',
    namespaceManifest('travel'),
    nodeManifest(near, 'node1'),
    nodeManifest(far, 'node2', 'b'),
    podManifest(client, 'client', 'node1'),
    podManifest(server, 'server', 'node1'),
    podManifest(remote, 'remote', 'node2'),
  );
  agent = await home.start();
  observer = agent.client('observer/observer.proto', 'observer.Observer');
  const atServer = new Prober(server);
  fromClient = new Prober(client);
  fromRemote = new Prober(remote);
  probers.push(atServer, fromClient, fromRemote);
  for (const address of [server.ipv4, server.ipv6])
    for (const port of [PORT, OTHER_PORT])
      for (const protocol of ['tcp', 'udp'] as const) await atServer.serve(protocol, address, port);
});

afterEach(async () => {
  for (const name of readdirSync(home.stateDir)) {
    if (name.startsWith('policy')) rmSync(join(home.stateDir, name));
  }
  await passes(() => fromClient.askBriefly('tcp', server.ipv4, PORT));
  await passes(() => fromRemote.askBriefly('tcp', server.ipv4, PORT));
});

after(async () => {
  observer?.close();
  for (const prober of probers) prober.end();
  await home?.remove();
  nodes?.remove();
});

/** Repeats a question until its answer is the wanted one; fails with the last when that does not come. */
async function becomes(wanted: string, question: () => Promise<string>): Promise<void> {
  const until = Date.now() + 10_000;
  for (;;) {
    const answer = await question();
    if (answer === wanted) return;
    assert.ok(Date.now() < until, `it stays "${answer}", expected "${wanted}"`);
  }
}
const passes = (question: () => Promise<string>): Promise<void> => becomes('echoed', question);
const isCut = (question: () => Promise<string>): Promise<void> => becomes('silence', question);

const cilium = (name: string, spec: object, annotations: object = {}): object => ({
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name, namespace: 'travel', annotations },
  spec,
});
const app = (name: string): object => ({ matchLabels: { app: name } });

/** The server takes TCP from the client alone, on one port. */
const onlyClient = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'only-client', namespace: 'travel' },
  spec: {
    podSelector: app('server'),
    ingress: [{ from: [{ podSelector: app('client') }], ports: [{ port: PORT }] }],
  },
};
const closed = cilium('closed', { endpointSelector: app('server'), ingress: [{}] });

interface Status {
  readonly problems?: readonly { readonly where: string; readonly message: string }[];
  readonly counters?: Readonly<Record<string, string>>;
}

async function statusOf(process: AgentProcess): Promise<Status> {
  const diagnostics = process.client('sluice/v1/diagnostics.proto', 'sluice.v1.Diagnostics');
  try {
    const { response } = await diagnostics.unary('GetStatus');
    return (response.nodes as Status[])[0];
  } finally {
    diagnostics.close();
  }
}

function isVerdict(flow: SeenFlow, from: string, to: string): boolean {
  const { event_type: event } = flow as VerdictFlow;
  const { source, destination } = flow;
  return (
    event.type === 5 &&
    source.pod_name === `${from}-7d9f8b6c5d-x` &&
    destination.pod_name === `${to}-7d9f8b6c5d-x`
  );
}

function ping(pod: Pod, address: string): string {
  const { status } = spawnSync('nsenter', [`--net=/run/netns/${pod.netns}`, 'ping', '-nqc1', '-W1', address]);
  return status === 0 ? 'echoed' : 'silence';
}

describe('a policy from the directory', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    it(`lets through what it allows and nothing else, over ${family}`, async () => {
      home.write('policy.yaml', onlyClient);
      await isCut(() => fromRemote.askBriefly('tcp', server[family], PORT));
      assert.equal(await fromClient.ask('tcp', server[family], PORT), 'echoed');
      assert.equal(await fromClient.askBriefly('tcp', server[family], OTHER_PORT), 'silence');
      assert.equal(await fromClient.askBriefly('udp', server[family], PORT), 'silence');
      assert.equal(ping(client, server[family]), 'silence');
      // The client itself is not policed: it still reaches others, and is answered.
      assert.equal(ping(client, remote[family]), 'echoed');
    });

    it(`cuts a live connection when its permission goes, over ${family}`, async () => {
      home.write('policy.yaml', onlyClient);
      await isCut(() => fromRemote.askBriefly('tcp', server[family], PORT));
      const say = await fromClient.open(server[family], PORT);
      assert.equal(await say(), 'echoed');
      home.write('policy.yaml', closed);
      await isCut(() => say(300));
      // TCP sends again what was lost, as soon as it may.
      home.write('policy.yaml', onlyClient);
      await passes(() => say(2000));
    });
  }

  it('holds for UDP and ICMP by port and type', async () => {
    home.write(
      'policy.yaml',
      cilium('ports', {
        endpointSelector: app('server'),
        ingress: [
          { fromEndpoints: [app('remote')], toPorts: [{ ports: [{ port: String(PORT), protocol: 'UDP' }] }] },
          { fromEndpoints: [app('client')], icmps: [{ fields: [{ type: 'EchoRequest' }] }] },
        ],
      }),
    );
    await isCut(() => fromClient.askBriefly('udp', server.ipv4, PORT));
    assert.equal(await fromRemote.ask('udp', server.ipv4, PORT), 'echoed');
    assert.equal(await fromRemote.askBriefly('udp', server.ipv4, OTHER_PORT), 'silence');
    assert.equal(ping(client, server.ipv4), 'echoed');
    assert.equal(ping(remote, server.ipv4), 'silence');
  });

  it('denies at the sender, and a deny beats an allow', async () => {
    home.write(
      'policy.yaml',
      cilium('egress', {
        endpointSelector: app('client'),
        egress: [{ toEntities: ['all'] }],
        egressDeny: [{ toEndpoints: [app('server')], toPorts: [{ ports: [{ port: String(PORT) }] }] }],
      }),
    );
    await isCut(() => fromClient.askBriefly('tcp', server.ipv4, PORT));
    assert.equal(await fromClient.ask('tcp', server.ipv4, OTHER_PORT), 'echoed');
  });

  it('is told flow by flow, with the rule that decided', async () => {
    home.write('policy.yaml', onlyClient);
    await isCut(() => fromRemote.askBriefly('tcp', server.ipv4, PORT));
    assert.equal(await fromClient.ask('tcp', server.ipv4, PORT), 'echoed');
    const [allowed] = (await awaitFlows(
      observer,
      (flow) => isVerdict(flow, 'client', 'server') && flow.verdict === 'FORWARDED',
    )) as VerdictFlow[];
    assert.equal(allowed.traffic_direction, 'INGRESS');
    assert.equal(allowed.policy_match_type, 2);
    assert.equal(allowed.is_reply?.value ?? false, false);
    assert.deepEqual(
      allowed.ingress_allowed_by.map(({ name, namespace, kind }) => [name, namespace, kind]),
      [['only-client', 'travel', 'NetworkPolicy']],
    );
    const [denied] = (await awaitFlows(
      observer,
      (flow) => isVerdict(flow, 'remote', 'server') && flow.verdict === 'DROPPED',
    )) as VerdictFlow[];
    assert.deepEqual(
      [denied.traffic_direction, denied.policy_match_type ?? 0, denied.drop_reason_desc],
      ['INGRESS', 0, 'POLICY_DENIED'],
    );
    assert.deepEqual(denied.ingress_denied_by ?? [], []);
    const [dropped] = await awaitFlows(
      observer,
      (flow) => (flow as VerdictFlow).event_type.type === 1 && flow.source.pod_name === 'remote-7d9f8b6c5d-x',
    );
    assert.deepEqual([dropped.verdict, dropped.traffic_direction], ['DROPPED', 'INGRESS']);
    const counters = (await statusOf(agent)).counters ?? {};
    assert.ok(Number(counters['rule NetworkPolicy travel/only-client spec.ingress[0]']) > 0);
    assert.ok(Number(counters['rule default deny']) > 0);
  });

  it('knows ranges outside by their identities', async () => {
    const [, far] = nodes.nodes;
    home.write(
      'policy.yaml',
      cilium('ranges', {
        endpointSelector: app('client'),
        egress: [{ toCIDR: ['198.51.100.0/24'] }, { toEndpoints: [app('server')] }],
      }),
    );
    await isCut(() => Promise.resolve(ping(client, far.ipv4)));
    ping(client, '198.51.100.7');
    ping(client, '203.0.113.7');
    const to = (address: string) => (flow: SeenFlow) =>
      (flow as VerdictFlow).event_type.type === 5 && flow.IP?.destination === address;
    const [allowed] = (await awaitFlows(observer, to('198.51.100.7'))) as VerdictFlow[];
    assert.deepEqual([allowed.verdict, allowed.policy_match_type], ['FORWARDED', 1]);
    assert.deepEqual((allowed.destination as Loose).labels, ['cidr:198.51.100.0/24', 'reserved:world-ipv4']);
    const [denied] = await awaitFlows(observer, to('203.0.113.7'));
    assert.equal(denied.verdict, 'DROPPED');
  });

  it('knows services without selector by the backends written down for them, and groups of ranges', async () => {
    const metadata = { name: 'bank', namespace: 'travel' };
    const slice = (address: string): object => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'bank' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address] }],
    });
    home.write('policy-backends.yaml', slice('203.0.113.9'));
    home.write(
      'policy.yaml',
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 443 }] } },
      {
        apiVersion: 'cilium.io/v2',
        kind: 'CiliumCIDRGroup',
        metadata: { name: 'partners' },
        spec: { externalCIDRs: ['198.51.100.0/24'] },
      },
      cilium('named', {
        endpointSelector: app('client'),
        egress: [
          { toServices: [{ k8sService: { serviceName: 'bank', namespace: 'travel' } }] },
          { toCIDRSet: [{ cidrGroupRef: 'partners' }] },
          { toEndpoints: [app('server')] },
        ],
      }),
    );
    const [, far] = nodes.nodes;
    await isCut(() => Promise.resolve(ping(client, far.ipv4)));
    const verdictTo = async (address: string): Promise<string> => {
      ping(client, address);
      const [flow] = await awaitFlows(
        observer,
        (one) => (one as VerdictFlow).event_type.type === 5 && one.IP?.destination === address,
      );
      return flow.verdict;
    };
    assert.equal(await verdictTo('203.0.113.9'), 'FORWARDED');
    assert.equal(await verdictTo('203.0.113.10'), 'DROPPED');
    assert.equal(await verdictTo('198.51.100.9'), 'FORWARDED');
    // Other backends, another verdict.
    home.write('policy-backends.yaml', slice('203.0.113.11'));
    const until = Date.now() + 30_000;
    let last = 0;
    const isAllowed = async (): Promise<boolean> => {
      last++;
      ping(client, '203.0.113.11');
      const flows = await awaitFlows(
        observer,
        (one) => (one as VerdictFlow).event_type.type === 5 && one.IP?.destination === '203.0.113.11',
      );
      return flows.some(({ verdict }) => verdict === 'FORWARDED');
    };
    while (!(await isAllowed())) assert.ok(Date.now() < until, `never allowed in ${last} pings`);
  });

  it('in audit mode of one pod drops nothing and tells what it would', async () => {
    const audited = podManifest(server, 'server', 'node1') as { metadata: object };
    const metadata = { ...audited.metadata, annotations: { 'policy.sluice.io/audit': 'true' } };
    const [near, far] = nodes.nodes;
    const cluster = [
      namespaceManifest('travel'),
      nodeManifest(near, 'node1'),
      nodeManifest(far, 'node2', 'b'),
      podManifest(client, 'client', 'node1'),
      podManifest(remote, 'remote', 'node2'),
    ];
    home.write('cluster.yaml', ...cluster, { ...audited, metadata });
    home.write(
      'policy.yaml',
      cilium('closed', {
        endpointSelector: app('server'),
        ingressDeny: [{ fromEndpoints: [app('client')] }],
      }),
    );
    const isAudit = (flow: SeenFlow): boolean =>
      isVerdict(flow, 'client', 'server') && flow.verdict === 'AUDIT';
    // Until the policy is there, nothing tells of it.
    const until = Date.now() + 10_000;
    let found: SeenFlow[] = [];
    while (found.length === 0 && Date.now() < until) {
      assert.equal(await fromClient.ask('tcp', server.ipv4, PORT), 'echoed');
      found = await awaitFlows(observer, isAudit, 0);
    }
    const [flow] = found as VerdictFlow[];
    assert.deepEqual(
      [flow.policy_match_type, flow.ingress_denied_by.map(({ name }) => name)],
      [1, ['closed']],
    );
    home.write('cluster.yaml', ...cluster, podManifest(server, 'server', 'node1'));
  });

  it('stays in force in its last good version while its new one is broken, which status tells', async () => {
    home.write('policy.yaml', onlyClient);
    await isCut(() => fromRemote.askBriefly('tcp', server.ipv4, PORT));
    const broken = {
      ...onlyClient,
      spec: { ...onlyClient.spec, ingress: [{ from: [{ podSelektor: {} }] }] },
    };
    home.write('policy.yaml', broken);
    const problems = async (): Promise<string> => {
      const { problems: listed = [] } = await statusOf(agent);
      return listed.map(({ where, message }) => `${where} ${message}`).join('; ');
    };
    const until = Date.now() + 10_000;
    let text = '';
    while (!/podSelektor/.test((text = await problems()))) assert.ok(Date.now() < until, `problems: ${text}`);
    assert.match(text, /policy\.yaml:\d+:\d+ NetworkPolicy "travel\/only-client" /);
    assert.equal(await fromRemote.askBriefly('tcp', server.ipv4, PORT), 'silence');
    assert.equal(await fromClient.ask('tcp', server.ipv4, PORT), 'echoed');
  });

  it('goes on without an agent, and under the next one', async () => {
    home.write('policy.yaml', onlyClient);
    await isCut(() => fromRemote.askBriefly('tcp', server.ipv4, PORT));
    const say = await fromClient.open(server.ipv4, PORT);
    await agent.end('SIGKILL');
    assert.equal(await say(), 'echoed');
    assert.equal(await fromRemote.askBriefly('tcp', server.ipv4, PORT), 'silence');
    assert.equal(await fromClient.ask('tcp', server.ipv4, PORT), 'echoed');
    observer.close();
    const attempts: Promise<string>[] = [];
    const trying = setInterval(() => attempts.push(fromRemote.askBriefly('tcp', server.ipv4, PORT)), 20);
    agent = await home.start();
    observer = agent.client('observer/observer.proto', 'observer.Observer');
    await new Promise((resolve) => setTimeout(resolve, 500));
    clearInterval(trying);
    const answers = await Promise.all(attempts);
    assert.ok(answers.length > 20);
    assert.deepEqual([...new Set(answers)], ['silence']);
    assert.equal(await say(), 'echoed');
  });
});

describe('policies that tell nodes apart', () => {
  let atFar: Prober;
  before(async () => {
    const far = nodes.nodes[1];
    atFar = new Prober(far);
    probers.push(atFar);
    for (const address of [far.ipv4, far.ipv6]) await atFar.serve('tcp', address, PORT);
  });

  for (const family of ['ipv4', 'ipv6'] as const) {
    it(`let in the nodes that a rule picks, and no others, over ${family}`, async () => {
      const zone = (name: string): object =>
        cilium('zone', {
          endpointSelector: app('server'),
          ingress: [{ fromNodes: [{ matchLabels: { zone: name } }] }],
        });
      home.write('policy.yaml', zone('a'));
      await isCut(() => atFar.askBriefly('tcp', server[family], PORT));
      home.write('policy.yaml', zone('b'));
      await passes(() => atFar.askBriefly('tcp', server[family], PORT));
      assert.equal(await fromRemote.askBriefly('tcp', server[family], PORT), 'silence');
      const [flow] = (await awaitFlows(
        observer,
        (one) =>
          (one as VerdictFlow).event_type.type === 5 &&
          one.verdict === 'FORWARDED' &&
          one.IP?.source === nodes.nodes[1][family],
      )) as VerdictFlow[];
      const source: Loose = flow.source;
      assert.ok(Number(source.identity) > 2 ** 25, `identity ${String(source.identity)}`);
      assert.deepEqual(source.labels, [
        'k8s:io.cilium.k8s.policy.cluster=east',
        'node:zone=b',
        'reserved:remote-node',
      ]);
      // Whoever does not tell them apart means all of them all the same.
      const all = { endpointSelector: app('server'), ingress: [{ fromEntities: ['remote-node'] }] };
      home.write('policy.yaml', zone('a'), cilium('all', all));
      assert.equal(await atFar.ask('tcp', server[family], PORT), 'echoed');
    });

    it(`let pods speak to the nodes that a rule picks, over ${family}`, async () => {
      const far = nodes.nodes[1];
      const zone = (name: string): object =>
        cilium('zone', {
          endpointSelector: app('client'),
          egress: [{ toNodes: [{ matchLabels: { zone: name } }] }, { toEndpoints: [app('server')] }],
        });
      home.write('policy.yaml', zone('a'));
      await isCut(() => fromClient.askBriefly('tcp', far[family], PORT));
      home.write('policy.yaml', zone('b'));
      await passes(() => fromClient.askBriefly('tcp', far[family], PORT));
    });
  }
});

describe('the host firewall', () => {
  const NODE_PORT = 7102;
  let atNode: Prober;
  before(async () => {
    const [near] = nodes.nodes;
    atNode = new Prober(near);
    probers.push(atNode);
    for (const address of [near.ipv4, near.ipv6]) await atNode.serve('tcp', address, NODE_PORT);
    await agent.end('SIGTERM');
    observer.close();
    agent = await home.start({ hostFirewall: true });
    observer = agent.client('observer/observer.proto', 'observer.Observer');
  });

  for (const family of ['ipv4', 'ipv6'] as const) {
    it(`polices what reaches the node, from pods and from elsewhere, over ${family}`, async () => {
      const [near] = nodes.nodes;
      home.write('policy.yaml', {
        apiVersion: 'cilium.io/v2',
        kind: 'CiliumClusterwideNetworkPolicy',
        metadata: { name: 'node' },
        spec: {
          nodeSelector: {},
          ingress: [
            {
              fromEndpoints: [{ matchLabels: { app: 'client', 'io.kubernetes.pod.namespace': 'travel' } }],
              toPorts: [{ ports: [{ port: String(NODE_PORT), protocol: 'TCP' }] }],
            },
          ],
        },
      });
      await isCut(() => fromRemote.askBriefly('tcp', near[family], NODE_PORT));
      assert.equal(await fromClient.ask('tcp', near[family], NODE_PORT), 'echoed');
      assert.equal(ping(client, near[family]), 'silence');
      // Pods are not the node, and what the node begins is answered.
      assert.equal(await fromRemote.ask('tcp', server[family], PORT), 'echoed');
      assert.equal(await atNode.ask('tcp', server[family], PORT), 'echoed');
      const [flow] = (await awaitFlows(
        observer,
        (one) =>
          (one as VerdictFlow).event_type.type === 5 &&
          one.verdict === 'DROPPED' &&
          one.IP?.destination === near[family],
      )) as VerdictFlow[];
      assert.deepEqual([flow.traffic_direction, flow.destination.identity], ['INGRESS', 1]);
    });
  }
});
